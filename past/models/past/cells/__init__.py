"""What a cell expresses, from its image: by training cells that look alike, by a head on the image tower, by both."""
