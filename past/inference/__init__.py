"""From a slide to features, and from features to expression."""
