"""The numbers over REST."""
