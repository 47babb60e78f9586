"""What may be written here: targets, by two people, and the numbers of each night."""
