"""Scores, intervals and comparisons: the only ones."""
