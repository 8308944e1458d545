"""Figures and pages drawn from result files."""
