"""Scores, intervals and comparisons: the only ones.

Spots of one tissue resemble each other, so single spots say nothing of how sure a score is. `units` says what is
independent: patients, else sections, else blocks of space as wide as the residuals correlate (`variogram`).
`left_out` scores again without each unit in turn, `jackknife` makes errors of that and intervals by Student's t, and
`comparison` does so for the difference of two ways of predicting, over the same units.

What an interval is meant to cover is the score in tissue like that judged, of which the tissue at hand is one draw: the
correlation of the fields that truth and prediction are drawn from, or the mean of several of these. Where blocks are
the units it is a statement about the sections at hand, and where the truth goes together further than the residuals do,
about these sections' own truth.
"""
