"""What the product exists for, measured: each figure as a ratio in one run against a peer or a bound."""
