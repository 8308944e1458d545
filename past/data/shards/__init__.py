"""Shards on disk: what a sample is, how it is written, read, checked and merged."""
