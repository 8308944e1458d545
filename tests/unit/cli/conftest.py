from released_past import nicheformer, published_cell_encoder, uni
from released_past import released as released_past
from released_stpath import released as released_stpath
from released_stpath import slide

__all__ = ["nicheformer", "published_cell_encoder", "released_past", "released_stpath", "slide", "uni"]
