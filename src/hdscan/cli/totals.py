"""What is held, per asset: exact where everything was read, and 'at least' wherever anything is unread."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from hdscan.cli.output import coins, table
from hdscan.model.scan import AssetTotal


def total_words(total: AssetTotal) -> str:
    """An asset's total in words; what is unread or stale never looks like zero."""
    unit = f" {total.asset}"
    missing = [f"{total.unread:,} unread"] if total.unread else []
    if total.stale:
        missing.append(f"{total.stale:,} stale with {coins(total.stale_amount, total.decimals)}{unit} not added")
    if not total.read:
        return ", ".join(missing) or "nothing to read"
    amount = ("≥ " if missing else "") + coins(total.amount, total.decimals) + unit
    return ", ".join([amount, *missing])


def totals_table(totals: Iterable[AssetTotal]) -> Table:
    """A row per chain and asset."""
    made = table("chain", "asset", "total", "funded", "of", "unconfirmed", right=("funded", "of", "unconfirmed"))
    for each in totals:
        pending = "" if each.unconfirmed in (None, "0") else coins(each.unconfirmed or 0, each.decimals)
        words = Text(total_words(each), style="yellow" if each.unread or each.stale else "")
        made.add_row(each.chain, each.asset, words, f"{each.funded:,}", f"{each.read + each.stale + each.unread:,}", pending)
    return made
