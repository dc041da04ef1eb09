"""What to read, in what order, what to commit, and what to say about it."""
