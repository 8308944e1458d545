"""A simulated tissue: its cells, their places, their expression, and how they look in H&E."""
