"""What the survival model makes of patients: outcomes, folds, gene sets, bags of tiles."""
