"""Formats numbers, times and untrusted text for people."""

import re
import time
from collections.abc import Sequence
from datetime import datetime

from hdscan.model.scan import ProviderState, ProviderStatus
from hdscan.model.tally import Tally
from hdscan.model.wallet import BranchRow, BranchStart

STYLES = {
    ProviderState.READY: "green",
    ProviderState.UNUSED: "dim",
    ProviderState.DISABLED: "dim",
    ProviderState.QUARANTINED: "bold red",
    ProviderState.OPEN: "red",
}


def coins(base_units: str | int, decimals: int) -> str:
    """An amount in whole coins, exact, without trailing zeros: coins("150000000", 8) is 1.5."""
    number = int(base_units)
    digits = str(abs(number)).rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :].rstrip("0")
    return ("-" if number < 0 else "") + whole + (f".{fraction}" if fraction else "")


def chain_words(chains: Sequence[str]) -> str:
    """Some chains in a few words: btc, ltc; of many the first and how many more there are."""
    return ", ".join(chains) if len(chains) < 4 else f"{chains[0]} + {len(chains) - 1} more"


def branch_words(path: str | None, style: str) -> str:
    """A branch's path with a star in place of the position; where it is not known, its style."""
    return style if path is None else path.replace("{}", "*")


def alike(branches: Sequence[BranchStart] | Sequence[BranchRow]) -> bool:
    """Whether the style alone tells some branches apart, as of a key that does not say its kind of address."""
    return len({(each.chain, each.path, each.role) for each in branches}) < len(branches)


def moment(rfc3339: str) -> str:
    """A time to the second, in UTC."""
    return rfc3339[:19].replace("T", " ")


def claim_words(error: str, decimals: int, asset: str) -> str:
    """Who claims what in the error of an unconfirmed claim, in whole coins, without why nobody could confirm it."""
    claim = error.partition(", and no second operator")[0]
    return re.sub(r"(?<= claims )\d+|(?<= where )\d+", lambda amount: f"{coins(amount[0], decimals)} {asset}", claim)


def duration(seconds: float | None) -> str:
    """Seconds in words: 45 s, 3 min 20 s, 2 h 5 min."""
    if seconds is None:
        return "?"
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60} s"
    return f"{total // 3600:,} h {total % 3600 // 60} min"


def clean(text: str) -> str:
    """Untrusted text without control characters, so that a host cannot move the cursor."""
    return "".join(char if char.isprintable() else " " for char in text)


def percent(part: int, whole: int) -> str:
    """A share in whole percent, rounded down, so that 100 % is all of it; "under 1 %" is not none of it."""
    share = 100 * part // whole
    return "under 1 %" if part and not share else f"{share} %"


def audit_words(tally: Tally) -> str | None:
    """How many readings a second operator answered, and the audits' share of the requests; None where nobody was asked."""
    if not (tally.audited or tally.unaudited):
        return None
    said = f"a second operator answered {tally.audited:,} of {tally.readings:,} readings"
    said += f", {tally.disputed:,} of them disputed" if tally.disputed else ""
    said += f"; none could answer {tally.unaudited:,} more" if tally.unaudited else ""
    share = f"; {percent(tally.audit_requests, tally.requests)} of the requests were audits" if tally.audit_requests else ""
    return said + share


def state_words(status: ProviderStatus, now: float | None = None) -> str:
    """A provider's state, with the time left of a pause."""
    word = status.state.replace("_", " ")
    if status.paused_until is None:
        return word
    left = datetime.fromisoformat(status.paused_until).timestamp() - (time.time() if now is None else now)
    return f"{word}, {duration(left)} left" if left > 0 else word
