"""What is fitted on frozen features: principal components and regressions."""
