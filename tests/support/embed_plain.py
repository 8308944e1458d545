"""`past embed` with tiles on all of a slide, LazySlide or not; killed after it wrote so many blocks.

python embed_plain.py BLOCKS WORDS…
"""

import sys

from dying import die_at
from whole_slides import plain_grid

from past.cli.app import main
from past.slides import embedder, tiling

die_at(int(sys.argv.pop(1)))
embedder.grid_of = lambda slide, settings: plain_grid(slide.size)
tiling.find_spec = lambda name: name  # type: ignore[assignment]
main()
