from released_stpath import predictor, released, slide

__all__ = ["predictor", "released", "slide"]
