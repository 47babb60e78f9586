"""What the pages of the numbers read."""
