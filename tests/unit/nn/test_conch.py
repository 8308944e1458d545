from pathlib import Path

import pytest
import torch

from past.base.errors import CheckpointError
from past.nn.conch import CONCHEncoder, QueryPool

CROPS = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_conchs_tower_is_read_and_its_other_half_left(tmp_path: Path) -> None:
    encoder = CONCHEncoder(size=32, dim=16).eval()
    state = {f"visual.{name}": value for name, value in encoder.state_dict().items()}
    others = ("text.positional_embedding", "logit_scale", "visual.proj_contrast", "visual.attn_pool_caption.query")
    torch.save(state | {name: torch.zeros(2) for name in others}, tmp_path / "conch.bin")
    loaded = CONCHEncoder(tmp_path / "conch.bin", size=32, dim=16).eval()
    assert loaded.width == 16
    assert torch.equal(loaded(CROPS), encoder(CROPS))
    assert loaded.config["weights"] is None


def test_a_tower_that_lacks_a_part_is_refused(tmp_path: Path) -> None:
    encoder = CONCHEncoder(size=32, dim=16)
    state = {f"visual.{name}": value for name, value in encoder.state_dict().items()}
    del state["visual.ln_contrast.bias"]
    torch.save(state, tmp_path / "conch.bin")
    with pytest.raises(CheckpointError, match=r"1 missing \(ln_contrast\.bias\)"):
        CONCHEncoder(tmp_path / "conch.bin", size=32, dim=16)


def test_the_query_pools_tokens_by_attention() -> None:
    torch.manual_seed(0)
    pool, tokens = QueryPool(dim=4, width=6, heads=1), torch.randn(2, 5, 6)
    attn = pool.attn
    assert attn.q_proj_weight is not None
    assert attn.k_proj_weight is not None
    assert attn.v_proj_weight is not None
    keys = pool.ln_k(tokens)
    query = pool.ln_q(pool.query) @ attn.q_proj_weight.T
    weights = (query @ (keys @ attn.k_proj_weight.T).transpose(1, 2) / 2).softmax(-1)
    expected = attn.out_proj((weights @ (keys @ attn.v_proj_weight.T))[:, 0])
    torch.testing.assert_close(pool(tokens), expected)


def test_bytes_and_numbers_up_to_1_are_the_same_crop() -> None:
    torch.manual_seed(0)
    encoder = CONCHEncoder(size=32, dim=16).eval()
    crops = (CROPS * 255).to(torch.uint8)
    torch.testing.assert_close(encoder(crops), encoder(crops / 255))
