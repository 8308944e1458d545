"""How cells stain: grades and scores of real stains and of predicted expression, and the stain painted."""
