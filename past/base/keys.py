"""Names of fields that cross a file's border: AnnData slots and the members of a shard."""

from typing import Final


class Keys:
    """AnnData slots that we read or write."""

    SPATIAL: Final = "spatial"  # obsm: (x, y) in pixels of the section's image
    META: Final = "meta"  # uns: the section's description
    PAST: Final = "past"  # uns of a prediction: how it was made
    IMAGES: Final = "X_past"  # obsm: images in the joint space of a trained PAST
    TRANSCRIPTOMES: Final = "X_past_expression"  # obsm: transcriptomes in that space
    MEASURED: Final = "measured"  # layers of a prediction: log1p counts of the same spots; var: which genes have some
    CELL_TYPE: Final = "cell_type"  # obs: known type, where there is one


class Members:
    """Extensions of a shard's members, and the arrays inside `<key>.npz`."""

    IMAGES: Final = ("jpg", "webp", "png")
    ARRAYS: Final = "npz"
    META: Final = "json"
    GENES: Final = "genes"
    COUNTS: Final = "counts"
    OFFSETS: Final = "offsets"
    POSITIONS: Final = "positions"
    FEATURES: Final = "features"  # of a slide's spots
    COORDS: Final = "coords"
