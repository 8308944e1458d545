"""Image encoders and layers that more than one model can use."""
