"""Survival: a patient's risk from a bag of tiles, from gene sets, or from both."""
