"""An address's key: its chain's number, and below it its index on the chain."""

INDEX_BITS = 32


def span(number: int) -> tuple[int, int]:
    """The address ids of the chain of this number: from the first to before the second."""
    return number << INDEX_BITS, (number + 1) << INDEX_BITS
