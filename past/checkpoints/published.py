"""Checkpoints that others released, read strictly into our models."""

from past.checkpoints.keymap import Rule

# PAST's released names. The six fusions share `fusion_layer`, told apart by what follows it.
PAST_RULES: tuple[Rule, ...] = (
    (r"cell_encoder\.encoder_layer\..*", None),
    (r"graph_encoder\.distance_transform\..*", None),
    (r"(temperature|image_encoder\.model\..*)", r"\1"),
    (r"cell_encoder\.embeddings\.weight", "cell_encoder.tokens.weight"),
    (r"cell_encoder\.positional_embedding\.weight", "cell_encoder.positions.weight"),
    (r"cell_encoder\.encoder\.layers\.(\d+)\.self_attn\.in_proj_(.*)", r"cell_encoder.layers.\1.attention.qkv.\2"),
    (r"cell_encoder\.encoder\.layers\.(\d+)\.self_attn\.out_proj\.(.*)", r"cell_encoder.layers.\1.attention.out.\2"),
    (r"cell_encoder\.encoder\.layers\.(\d+)\.linear1\.(.*)", r"cell_encoder.layers.\1.expand.\2"),
    (r"cell_encoder\.encoder\.layers\.(\d+)\.linear2\.(.*)", r"cell_encoder.layers.\1.contract.\2"),
    (r"cell_encoder\.encoder\.layers\.(\d+)\.norm1\.(.*)", r"cell_encoder.layers.\1.attention_norm.\2"),
    (r"cell_encoder\.encoder\.layers\.(\d+)\.norm2\.(.*)", r"cell_encoder.layers.\1.feedforward_norm.\2"),
    (r"(image|cell)_projection\.projection\.(.*)", r"\1_head.project.\2"),
    (r"(image|cell)_projection\.fc\.(.*)", r"\1_head.mix.\2"),
    (r"(image|cell)_projection\.layer_norm\.(.*)", r"\1_head.norm.\2"),
    (r"graph_encoder\.convs\.(\d+)\.att_src", r"niche_encoder.layers.\1.source"),
    (r"graph_encoder\.convs\.(\d+)\.att_dst", r"niche_encoder.layers.\1.target"),
    (r"graph_encoder\.convs\.(\d+)\.bias", r"niche_encoder.layers.\1.bias"),
    (r"graph_encoder\.convs\.(\d+)\.lin\.weight", r"niche_encoder.layers.\1.linear.weight"),
    (r"graph_encoder\.norms\.(.*)", r"niche_encoder.norms.\1"),
    (r"alpha", "fusion.logit"),
    (r"gate_net\.0\.(.*)", r"fusion.mix.\1"),
    (r"gate_net\.2\.(.*)", r"fusion.gate.\1"),
    (r"film_generator\.(.*)", r"fusion.generate.\1"),
    (r"(?:film|fusion)_norm\.(.*)", r"fusion.norm.\1"),
    (r"fusion_layer\.0\.(.*)", r"fusion.mix.\1"),
    (r"fusion_layer\.1\.(.*)", r"fusion.norm.\1"),
    (r"attn_bias", "fusion.bias"),
    (r"fusion_layer\.in_proj_(.*)", r"fusion.attention.qkv.\1"),
    (r"fusion_layer\.out_proj\.(.*)", r"fusion.attention.out.\1"),
)
