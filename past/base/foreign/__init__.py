"""Files that others made: how they are opened, and how much of what they claim is believed."""
