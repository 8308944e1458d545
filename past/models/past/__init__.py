"""PAST: a crop and its transcriptome on one sphere (arXiv 2507.06418)."""
