"""The phases of a scan: what to read, in what order, what to commit, and what to report."""
