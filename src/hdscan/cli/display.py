"""Shows on stderr how a scan goes: a live picture on a terminal, a plain line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Protocol, Self

import structlog
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
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

FRAME_EVERY = 0.25  # seconds between live pictures
SILENT = ReadCode.UNAVAILABLE.value  # the code of "nobody answers": a state rather than an event
WARNINGS = ("scan_error", "scan_token_error")
NARROW = 90  # columns below which a picture leaves out what matters least
ENDS = {Status.COMPLETED: "green", Status.COMPLETED_WITH_GAPS: "yellow", Status.STOPPED: "yellow", Status.FAILED: "bold red"}

_log = structlog.get_logger()


class Display(Protocol):
    """What a scan is shown on; enter it, give it every event, and call `tick` every `every` seconds."""

    every: float

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End, and leave the terminal as it was."""

    def take(self, event: Event) -> None:
        """Take in what happened."""

    def tick(self) -> None:
        """Show where things stand."""

    def note(self, text: str) -> None:
        """Say a sentence."""


def display(*, log_json: bool = False) -> Display:
    """What suits stderr: a picture on a terminal, plain lines elsewhere, log entries with `log_json`."""
    if sys.stderr.isatty() and not log_json and not Console(stderr=True).is_dumb_terminal:
        return Picture()
    return Lines(log_json=log_json)


def display_of(settings: Settings, *, quiet: bool) -> Display:
    """The display of a scan, with the log set up; above a picture, `quiet` logs warnings only where INFO is the level."""
    shown = display(log_json=settings.log_json)
    level = settings.log_level.value
    log.configure("warning" if quiet and level == "info" and isinstance(shown, Picture) else level, as_json=settings.log_json)
    return shown


def words(progress: ChainProgress) -> str:
    """Where a chain stands, in one line."""
    parts = [f"{progress.chain}: {progress.ended:,} of {progress.readings:,} readings", f"{progress.unread:,} unread"]
    parts += [f"{progress.disputed:,} disputed"] if progress.disputed else []
    parts += [f"{progress.audited:,} audited"] if progress.audited else []
    parts += [f"{progress.unaudited:,} not audited"] if progress.unaudited else []
    if progress.status is Status.RUNNING:
        parts += [f"{progress.rate:,.0f}/s"] + ([f"{duration(progress.eta)} left"] if progress.eta is not None else [])
    else:
        parts += [f"{progress.funded:,} addresses funded", f"{progress.requests:,} requests", duration(progress.seconds)]
        parts.append(progress.status.replace("_", " "))
    return ", ".join(parts)


def _open_words(progress: ChainProgress) -> str:
    """What has no amount: unread, and disputed where there is anything."""
    return f"{progress.unread:,}" + (f" + {progress.disputed:,} disputed" if progress.disputed else "")


def token_words(event: TokenError) -> str:
    """A token's failure, or its end, in one line."""
    if event.addresses == 0:
        return clean(f"{event.chain}: {event.token} can be read again")
    at = f" at {', '.join(event.providers)}" if event.providers else ""
    return clean(f"{event.chain}: {event.token} of {event.addresses:,} addresses cannot be read: {event.error}{at}")


class Lines:
    """A line per chain every 30 s and at its end, and one for everything that its user has to know."""

    every = LINE_EVERY

    def __init__(self, *, log_json: bool = False) -> None:
        self._as_log = log_json
        self._chains: dict[str, ChainProgress] = {}
        self._told: set[tuple[str, str, str]] = set()  # failures that are said once, until the chain gets on

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def take(self, event: Event) -> None:
        """Say it if it is an end, a failure, or the first of a kind."""
        match event:
            case ScanState():
                self._chains.update(event.chains)
            case ScanComplete():
                self._chains.pop(event.chain, None)
                self._say("scan_complete", words(event), chain=event.chain, status=event.status, unread=event.unread)
            case ScanProgress():
                self._chains[event.chain] = event
                self._told.discard((event.chain, "", SILENT))
            case ScanError() if event.code != SILENT or self._first(event.chain, "", SILENT):
                self._say("scan_error", clean(f"{event.chain}: {event.error}"), chain=event.chain, code=event.code)
            case ScanTokenError() if self._first(event.chain, event.token, event.code):
                self._say("scan_token_error", token_words(event), chain=event.chain, token=event.token, code=event.code)

    def tick(self) -> None:
        """A line for every chain that is not at its end."""
        for progress in self._chains.values():
            fields = {"read": progress.read, "unread": progress.unread, "readings": progress.readings}
            self._say("scan_progress", words(progress), chain=progress.chain, **fields)

    def note(self, text: str) -> None:
        """Say a sentence."""
        self._say("note", text)

    def _first(self, chain: str, token: str, code: str) -> bool:
        """Whether this failure was not said yet."""
        before = len(self._told)
        self._told.add((chain, token, code))
        return len(self._told) > before

    def _say(self, event: str, text: str, **fields: object) -> None:
        if self._as_log:
            (_log.warning if event in WARNINGS else _log.info)(event, text=text, **fields)
        else:
            print(text, file=sys.stderr, flush=True)


class Picture:
    """A row per chain and the providers below, drawn anew four times a second; the log runs above it."""

    every = FRAME_EVERY

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._chains: dict[str, ChainProgress] = {}
        self._providers: dict[str, ProviderStatus] = {}
        self._tokens: dict[tuple[str, str], TokenError] = {}
        self._silent: set[str] = set()  # chains of which nobody answers
        self._at: dict[str, float] = {}  # when a chain's last progress came, to count its clock on
        self._live = Live(console=self._console, auto_refresh=False, get_renderable=self.render, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def take(self, event: Event) -> None:
        """Take it into the picture; failures of a chain also stay above it as lines."""
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
            case ScanError() if event.code == SILENT:
                self._silent.add(event.chain)
            case ScanError():
                self.note(clean(f"{event.chain}: {event.error}"))
            case ProviderStatus():
                self._providers[event.name] = event

    def tick(self) -> None:
        """Draw."""
        self._live.refresh()

    def note(self, text: str) -> None:
        """Print a line above the picture."""
        self._console.print(text, soft_wrap=True)

    def render(self) -> Group:
        """The picture as it is now."""
        shown = [status for status in self._providers.values() if status.chain in self._chains]
        parts: list[Table | Text] = [self._chain_table()]
        if shown:
            parts.append(self._provider_line(shown))
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
            bar = ProgressBar(total=max(progress.readings, 1), completed=progress.ended, width=24 if wide else 10)
            if progress.chain in self._silent:
                left = Text("no answer", style="yellow")
            elif progress.status is Status.RUNNING:
                since = time.monotonic() - self._at[progress.chain]
                left = Text(duration(progress.eta - since) if progress.eta is not None and progress.eta > since else "…")
            else:
                left = Text(progress.status.replace("_", " "), style=ENDS.get(progress.status, ""))
            row: list[Text | ProgressBar | str] = [
                Text(progress.chain, style="bold"),
                bar,
                f"{progress.ended:,}/{progress.readings:,}",
                Text(_open_words(progress), style="yellow" if progress.open else "dim"),
                f"{progress.rate:,.0f}",
                left,
            ]
            table.add_row(*row, *([f"{progress.funded:,}", f"{progress.requests:,}"] if wide else []))
        return table

    def _provider_line(self, providers: list[ProviderStatus]) -> Text:
        text = Text("providers  ", style="dim")
        ready = [status for status in providers if status.state is ProviderState.READY]
        other = [status for status in providers if status.state not in (ProviderState.READY, ProviderState.DISABLED)]
        text.append(f"{len(ready)} ready", style=STYLES[ProviderState.READY])
        for status in other:
            text.append("  ")
            text.append(f"{status.name} {state_words(status)}", style=STYLES.get(status.state, "yellow"))
        return text
