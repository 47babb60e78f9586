"""What the pages of this app read, put into the words of people. Nothing here writes."""
