"""Wallets' own files, a module for each kind: what they hold becomes key expressions and descriptors (BIP-380)."""
