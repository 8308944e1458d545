"""Cells: what each expresses, what it is, how it would stain; predicted from images, judged on held-out patients."""
