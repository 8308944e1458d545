"""What is written for speed, each with the figure that pays for it."""
