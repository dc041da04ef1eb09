"""Extended public keys, mnemonics and address lists become addresses: pure, and no text that was refused is ever repeated."""
