"""Readers: one file each, `read_*(path)` yields records, one sample in memory at a time."""
