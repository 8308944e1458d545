"""Survival of patients in folds: how well risks order them, beside clinical baselines."""
