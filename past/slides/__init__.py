"""Tiles of slides and their features: read, made once, kept."""
