"""Nuclei of a slide: read, found, written; and what is predicted of each cell."""
