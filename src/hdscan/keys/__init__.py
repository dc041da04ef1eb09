"""Addresses from extended public keys, mnemonics and lists: pure; no error repeats the text that it refuses."""
