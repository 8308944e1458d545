"""Networks: plain modules with typed arguments."""
