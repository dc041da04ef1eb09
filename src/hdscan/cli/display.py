"""Shows the progress of a scan on stderr: a live picture on a terminal, plain lines elsewhere."""

import sys
import time
from typing import Self

import structlog
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hdscan.app import Settings
from hdscan.cli import log
from hdscan.cli.meter import LINE_EVERY
from hdscan.cli.text import STYLES, clean, duration, state_words
from hdscan.model.errors import ReadCode
from hdscan.model.events import (
    ChainProgress,
    Event,
    ScanComplete,
    ScanError,
    ScanProgress,
    ScanState,
    ScanTokenError,
    TokenError,
)
from hdscan.model.scan import ProviderState, ProviderStatus, Status

NARROW = 90  # columns below which the picture omits the least important ones
ENDS = {Status.COMPLETED: "green", Status.COMPLETED_WITH_GAPS: "yellow", Status.STOPPED: "yellow", Status.FAILED: "bold red"}

_log = structlog.get_logger()


def words(progress: ChainProgress) -> str:
    """A chain's progress in one line."""
    parts = [f"{progress.chain}: {progress.heard:,} of {progress.readings:,} readings", f"{progress.unread:,} unread"]
    parts += [f"{progress.disputed:,} disputed"] if progress.disputed else []
    parts += [f"{progress.audited:,} audited"] if progress.audited else []
    parts += [f"{progress.unaudited:,} not audited"] if progress.unaudited else []
    if progress.status is Status.RUNNING:
        left = "auditing" if progress.auditing else f"{duration(progress.eta)} left" if progress.eta else None
        parts += [f"{progress.rate:,.0f}/s", *(clean(each) for each in (left, progress.waiting) if each)]
    else:
        parts += [f"{progress.funded:,} addresses funded", f"{progress.requests:,} requests", duration(progress.seconds)]
        parts.append(progress.status.replace("_", " "))
    return ", ".join(parts)


def two_tones(progress: ChainProgress, width: int) -> Text:
    """A bar of so many columns: what is committed, what has ended beside it, and the rest."""
    whole = max(progress.readings, 1)
    kept, heard = (width * count // whole for count in (progress.ended, progress.heard))
    return Text.assemble(("━" * kept, "green"), ("╍" * (heard - kept), "cyan"), ("┈" * (width - heard), "dim"))


def token_words(event: TokenError) -> str:
    """A token's failure, or its recovery, in one line."""
    if event.addresses == 0:
        return clean(f"{event.chain}: {event.token} can be read again")
    at = f" at {', '.join(event.providers)}" if event.providers else ""
    return clean(f"{event.chain}: {event.token} of {event.addresses:,} addresses cannot be read: {event.error}{at}")


class Lines:
    """Prints a line per chain every 30 s and at its end, and one for every error."""

    every = LINE_EVERY

    def __init__(self, *, log_json: bool = False) -> None:
        self._as_log = log_json
        self._chains: dict[str, ChainProgress] = {}
        self._told: set[tuple[str, str, str]] = set()  # failures already reported; an outage is reported again after progress

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def take(self, event: Event) -> None:
        """Print ends and errors; a repeated outage or token failure only once."""
        match event:
            case ScanState():
                self._chains.update(event.chains)
            case ScanComplete():
                self._chains.pop(event.chain, None)
                self._say("scan_complete", words(event), chain=event.chain, status=event.status, unread=event.unread)
            case ScanProgress():
                self._chains[event.chain] = event
                self._told.discard((event.chain, "", ReadCode.UNAVAILABLE))
            case ScanError() if not event.outage or self._first(event.chain, "", event.code):
                self._say("scan_error", clean(f"{event.chain}: {event.error}"), chain=event.chain, code=event.code)
            case ScanTokenError() if self._first(event.chain, event.token, event.code):
                self._say("scan_token_error", token_words(event), chain=event.chain, token=event.token, code=event.code)

    def tick(self) -> None:
        for progress in self._chains.values():
            fields = {"read": progress.read, "unread": progress.unread, "readings": progress.readings}
            self._say("scan_progress", words(progress), chain=progress.chain, **fields)

    def note(self, text: str) -> None:
        self._say("note", text)

    def _first(self, chain: str, token: str, code: str) -> bool:
        before = len(self._told)
        self._told.add((chain, token, code))
        return len(self._told) > before

    def _say(self, event: str, text: str, **fields: object) -> None:
        if self._as_log:
            (_log.warning if event.endswith("_error") else _log.info)(event, text=text, **fields)
        else:
            print(text, file=sys.stderr, flush=True)


class Picture:
    """Draws a row per chain and the providers below, four times a second; the log scrolls above."""

    every = 0.25

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._chains: dict[str, ChainProgress] = {}
        self._providers: dict[str, ProviderStatus] = {}
        self._tokens: dict[tuple[str, str], TokenError] = {}
        self._silent: set[str] = set()  # chains in an outage
        self._at: dict[str, float] = {}  # when a chain's last progress came, to count down its time left
        self._live = Live(console=self._console, auto_refresh=False, get_renderable=self.render, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def take(self, event: Event) -> None:
        """Update the picture; errors of a chain are also printed above it."""
        match event:
            case ScanState():
                self._chains.update(event.chains)
                self._at |= dict.fromkeys(event.chains, time.monotonic())
                self._providers |= {status.name: status for status in event.providers}
                self._tokens = {(error.chain, error.token): error for error in event.token_errors}
            case ChainProgress():
                self._chains[event.chain] = event
                self._at[event.chain] = time.monotonic()
                self._silent.discard(event.chain)
            case ScanTokenError(addresses=0):
                self._tokens.pop((event.chain, event.token), None)
            case ScanTokenError():
                self._tokens[event.chain, event.token] = event
            case ScanError() if event.outage:
                self._silent.add(event.chain)
            case ScanError():
                self.note(clean(f"{event.chain}: {event.error}"))
            case ProviderStatus():
                self._providers[event.name] = event

    def tick(self) -> None:
        self._live.refresh()

    def note(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def render(self) -> Group:
        shown = [status for status in self._providers.values() if status.chain in self._chains]
        parts: list[Table | Text] = [self._chain_table()]
        if shown:
            parts.append(self._provider_line(shown))
        parts += [
            Text(f"{each.chain} {clean(each.waiting)}", style="dim", no_wrap=True, overflow="ellipsis")
            for each in self._chains.values()
            if each.waiting
        ]
        parts += [
            Text(token_words(error), style="yellow", no_wrap=True, overflow="ellipsis")
            for error in self._tokens.values()
            if error.addresses
        ]
        return Group(*parts)

    def _chain_table(self) -> Table:
        wide = self._console.width >= NARROW
        table = Table(box=None, pad_edge=False, header_style="dim")
        columns = ["", "", "readings", "unread", "per s", "left"] + (["funded", "requests"] if wide else [])
        for number, column in enumerate(columns):
            table.add_column(column, justify="left" if number < 2 else "right", no_wrap=True)
        for progress in self._chains.values():
            bar = two_tones(progress, 24 if wide else 10)
            if progress.chain in self._silent:
                left = Text("no answer", style="yellow")
            elif progress.auditing:
                left = Text("auditing")
            elif progress.status is Status.RUNNING:
                since = time.monotonic() - self._at[progress.chain]
                left = Text(duration(progress.eta - since) if progress.eta is not None and progress.eta > since else "…")
            else:
                left = Text(progress.status.replace("_", " "), style=ENDS.get(progress.status, ""))
            unread = f"{progress.unread:,}" + (f" + {progress.disputed:,} disputed" if progress.disputed else "")
            row: list[Text | str] = [
                Text(progress.chain, style="bold"),
                bar,
                f"{progress.heard:,}/{progress.readings:,}",
                Text(unread, style="yellow" if progress.open else "dim"),
                f"{progress.rate:,.0f}",
                left,
            ]
            table.add_row(*row, *([f"{progress.funded:,}", f"{progress.requests:,}"] if wide else []))
        return table

    def _provider_line(self, providers: list[ProviderStatus]) -> Text:
        ready = sum(status.state is ProviderState.READY for status in providers)
        text = Text.assemble("providers  ", (f"{ready} ready", STYLES[ProviderState.READY]), style="dim")
        if idle := sum(status.state is ProviderState.UNUSED for status in providers):
            text.append(f"  {idle} not asked yet")
        for status in providers:
            if status.state not in (ProviderState.READY, ProviderState.DISABLED, ProviderState.UNUSED):
                text.append("  ").append(f"{status.name} {state_words(status)}", style=STYLES.get(status.state, "yellow"))
        return text


Display = Lines | Picture  # enter it, give it every event, and call `tick` every `every` seconds


def display(*, log_json: bool = False) -> Display:
    """The display that suits stderr: a picture on a terminal, plain lines elsewhere, log entries with `log_json`."""
    if sys.stderr.isatty() and not log_json and not Console(stderr=True).is_dumb_terminal:
        return Picture()
    return Lines(log_json=log_json)


def display_of(settings: Settings, *, quiet: bool) -> Display:
    """The display of a scan, with logging configured; `quiet` raises INFO to WARNING above a picture."""
    shown = display(log_json=settings.log_json)
    level = settings.log_level
    log.configure("warning" if quiet and level == "info" and isinstance(shown, Picture) else level, as_json=settings.log_json)
    return shown
