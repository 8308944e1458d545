"""Cells on the command line: what each expresses and is, and how it stains."""
