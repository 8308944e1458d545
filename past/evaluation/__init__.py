"""Tasks: task(model, data) → scores → result files."""
