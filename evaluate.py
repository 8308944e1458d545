"""`python evaluate.py task=retrieval name=demo`: the program is `past/evaluate.py`, which `past evaluate` runs too."""

import past_pathology

past_pathology.require_ours()

from past.evaluate import main  # noqa: E402 (another distribution's `past` must be told first)

if __name__ == "__main__":
    main()
