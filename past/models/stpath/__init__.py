"""STPath: a transformer over the spots of a slide that generates masked expression."""
