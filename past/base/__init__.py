"""What everything stands on: files, pictures, names and places; it imports nothing of ours."""
