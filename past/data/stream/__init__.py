"""Which sample comes when, and to whom: the same in every run of the same seed."""
