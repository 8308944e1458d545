"""Published checkpoints in and out, strictly."""
