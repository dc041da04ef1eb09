"""Frozen, typed values shared by all other packages; no IO."""
