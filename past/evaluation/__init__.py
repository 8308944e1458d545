"""Tasks, a folder each: `task.py` (what it does, see past.evaluation.task) and `page.py` (its part of a page)."""
