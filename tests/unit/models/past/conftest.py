from released_past import nicheformer, published_cell_encoder, released, uni

__all__ = ["nicheformer", "published_cell_encoder", "released", "uni"]
