"""`python train.py experiment=demo`: the program is `past/train.py`, which `past train` runs too."""

import past_pathology

past_pathology.require_ours()

from past.train import main  # noqa: E402 (another distribution's `past` must be told first)

if __name__ == "__main__":
    main()
