"""hdscan reads the balances of every address of an HD wallet and says exactly what could not be read."""
