"""Expression of spots that were held out: zero-shot, or with some of them measured."""
