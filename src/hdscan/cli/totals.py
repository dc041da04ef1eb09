"""Formats totals per asset: exact if everything was read, else 'at least'."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from hdscan.cli.table import table
from hdscan.cli.text import clean, coins
from hdscan.model.scan import AssetTotal


def amount_words(total: AssetTotal) -> str:
    """What is held at least; nothing where nothing was read, as that is no zero."""
    return "" if total.amount is None else _at_least(total) + coins(total.amount, total.decimals)


def _at_least(total: AssetTotal) -> str:
    return "≥ " if total.partial else ""


def total_words(total: AssetTotal, width: int = 0) -> str:
    """An asset's total in words, the amount right-aligned in `width` columns; what is unread or stale is said beside it."""
    amount = amount_words(total)
    missing = [f"{total.unread:,} unread"] if total.unread else []
    missing += [f"{total.disputed:,} disputed"] if total.disputed else []
    if total.stale:
        missing.append(f"{total.stale:,} stale with {coins(total.stale_amount, total.decimals)} {total.asset} not added")
    if not amount:
        return " " * width + (", ".join(missing) or "nothing to read")
    return ", ".join([f"{amount.rjust(width)} {clean(total.asset)}", *missing])


def totals_table(totals: Iterable[AssetTotal]) -> Table:
    """A row per chain and asset."""
    every = list(totals)
    width = max((len(amount_words(each)) for each in every), default=0)
    made = table("chain", "asset", "total", "funded", "of", "unconfirmed", right=("funded", "of", "unconfirmed"))
    for each in every:
        pending = "" if each.unconfirmed in (None, "0") else coins(each.unconfirmed or 0, each.decimals)
        words = Text(total_words(each, width), style="yellow" if each.partial else "")
        funded = "" if each.funded is None else f"{_at_least(each)}{each.funded:,}"
        counts = funded, f"{each.addresses:,}"
        made.add_row(each.chain, clean(each.asset), words, *counts, pending)
    return made
