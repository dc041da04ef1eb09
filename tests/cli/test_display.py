"""How a scan is shown: plain lines, log entries, the picture on a terminal."""

import io
import sys

import msgspec
import pytest
import structlog
from rich.console import Console

from hdscan.cli import log
from hdscan.cli.display import Lines, Picture, display
from hdscan.cli.text import state_words
from hdscan.model.errors import ChainCode
from hdscan.model.events import (
    ChainProgress,
    Event,
    ProviderChanged,
    ScanComplete,
    ScanError,
    ScanProgress,
    ScanState,
    ScanTokenError,
)
from hdscan.model.scan import ProviderState, ProviderStatus, Status

WHERE = {"scan_id": 7, "addresses": 50, "readings": 150, "read": 90, "unread": 3, "funded": 7, "seconds": 61.2, "requests": 42}
AT = ChainProgress(chain="bsc", status=Status.RUNNING, rate=12.4, eta=95.0, **WHERE)
DEAD = ScanTokenError("bsc", "USDT", "reverted", "reverted", 3, {"node": "reverted", "other": "empty"})
PAUSED = ProviderStatus(
    "node", "bsc", "evm-rpc", ProviderState.PAUSED, {"native": "closed"}, 5.0, "2026-01-01T00:00:30Z", 9, 8, 1, 1
)
AT_NOON = "2026-01-01T12:00:00.000Z"
NEW_YEAR = 1_767_225_600.0


def begun(*providers: ProviderStatus) -> ScanState:
    return ScanState(scan_id=7, running=True, chains={"bsc": AT}, token_errors=(), errors=(), providers=providers)


def progress(kind: type[ChainProgress], **changes: object) -> Event:
    made: Event = kind(**(msgspec.structs.asdict(AT) | changes))  # type: ignore[assignment]
    return made


def test_lines_tell_a_chain_now_and_then_and_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.take(begun())
    lines.take(progress(ScanProgress, read=120))
    assert capsys.readouterr().err == ""
    lines.tick()
    assert capsys.readouterr().err == "bsc: 123 of 150 readings, 3 unread, 12/s, 1 min 35 s left\n"
    lines.take(progress(ScanComplete, read=147, status=Status.COMPLETED_WITH_GAPS, eta=None))
    assert capsys.readouterr().err == (
        "bsc: 150 of 150 readings, 3 unread, 7 addresses funded, 42 requests, 1 min 1 s, completed with gaps\n"
    )
    lines.tick()
    assert capsys.readouterr() == ("", "")


def test_what_only_hears_second_operators_has_no_time_left_but_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    lines, (shown, file) = Lines(), picture(120)
    for each in (lines, shown):
        each.take(begun())
        each.take(progress(ScanProgress, read=150, unread=0, eta=0.0, audited=20))
    lines.tick()
    assert capsys.readouterr().err == "bsc: 150 of 150 readings, 0 unread, 20 audited, 12/s, auditing\n"
    shown._console.print(shown.render())
    assert "auditing" in file.getvalue()
    lines.take(progress(ScanProgress, read=147, eta=0.0))
    lines.tick()
    assert capsys.readouterr().err == "bsc: 150 of 150 readings, 3 unread, 12/s\n", "what is unread is asked for again"


def test_lines_tell_a_token_failure_once_a_kind(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.take(DEAD)
    lines.take(msgspec.structs.replace(DEAD, addresses=20))
    lines.take(msgspec.structs.replace(DEAD, code="empty"))
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "bsc: USDT of 3 addresses cannot be read: reverted at node, other"
    assert len(told) == 2


def test_an_outage_is_told_once_until_the_chain_gets_on(capsys: pytest.CaptureFixture[str]) -> None:
    lines, silence = Lines(), ScanError("bsc", ChainCode.UNAVAILABLE, "no provider of bsc answers", AT_NOON, outage=True)
    for event in (silence, silence, progress(ScanProgress), silence, ScanError("bsc", "failed", "over", AT_NOON)):
        lines.take(event)
    assert capsys.readouterr().err.splitlines() == [*["bsc: no provider of bsc answers"] * 2, "bsc: over"]


def test_a_host_that_missed_the_final_check_is_no_outage(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for text in ("no provider of bsc answers", "one could not be asked at the end"):
        lines.take(ScanError("bsc", ChainCode.UNAVAILABLE, text, AT_NOON, outage=text.startswith("no ")))
    assert capsys.readouterr().err.splitlines()[1:] == ["bsc: one could not be asked at the end"]
    shown, file = picture(120)
    shown.take(begun())
    shown.take(ScanError("bsc", ChainCode.UNAVAILABLE, "one could not be asked at the end", AT_NOON))
    shown._console.print(shown.render())
    assert "no answer" not in file.getvalue()


def test_a_silent_chain_has_no_time_left() -> None:
    shown, file = picture(120)
    shown.take(begun())
    shown.take(ScanError("bsc", ChainCode.UNAVAILABLE, "no provider of bsc answers", AT_NOON, outage=True))
    shown._console.print(shown.render())
    assert "no answer" in file.getvalue()
    shown.take(progress(ScanProgress))
    shown._console.print(shown.render())
    assert file.getvalue().count("no answer") == 1


def test_what_a_host_says_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    Lines().take(ScanError("bsc", "wrong_chain", "gone\x1b[2J\nhdscan: all is well", AT_NOON))
    assert capsys.readouterr().err == "bsc: gone [2J hdscan: all is well\n"


def test_progress_is_an_entry_of_the_log_where_that_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", as_json=True)
    lines = display(log_json=True)
    lines.take(begun())
    lines.tick()
    entry = msgspec.json.decode(capsys.readouterr().err)
    assert entry["event"] == "scan_progress"
    assert entry["chain"] == "bsc"
    assert (entry["read"], entry["unread"], entry["readings"], entry["level"]) == (90, 3, 150, "info")
    lines.take(DEAD)
    assert msgspec.json.decode(capsys.readouterr().err)["level"] == "warning"


def test_a_log_below_its_level_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("warning", as_json=False)
    structlog.get_logger().info("small_talk")
    structlog.get_logger().warning("short_reply", requested=100, received=40)
    assert "small_talk" not in (shown := capsys.readouterr().err)
    assert "short_reply" in shown
    assert "\x1b" not in shown


def picture(width: int) -> tuple[Picture, io.StringIO]:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, color_system=None, highlight=False, markup=False)
    return Picture(console), file


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_picture_fits_its_terminal(width: int) -> None:
    shown, file = picture(width)
    shown.take(begun(PAUSED))
    shown.take(DEAD)
    shown._console.print(shown.render())
    lines = file.getvalue().splitlines()
    assert max(len(line) for line in lines) <= width
    assert any(line.startswith("bsc") for line in lines)


def test_the_picture_shows_counts_failures_and_providers() -> None:
    shown, file = picture(120)
    shown.take(begun(PAUSED, msgspec.structs.replace(PAUSED, name="idle", state=ProviderState.UNUSED)))
    shown.take(progress(ScanProgress, read=117, unread=4))
    shown.take(DEAD)
    shown.take(ProviderChanged(**(msgspec.structs.asdict(PAUSED) | {"state": ProviderState.QUARANTINED})))
    shown._console.print(shown.render())
    text = file.getvalue()
    for part in ("121/150", " 4 ", "12", "1 min 35 s", "0 ready", "node quarantined", "1 not asked yet", "USDT of 3 addresses"):
        assert part in text, part
    assert "idle" not in text


def test_the_bar_has_a_tone_for_what_is_committed_and_one_for_what_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    ahead = progress(ScanProgress, read=47, answered=100, waiting="2 of 3 hosts rest for 9 s")
    shown, file = picture(120)
    shown.take(begun())
    shown.take(ahead)
    shown._console.print(shown.render())
    text = file.getvalue()
    assert "━" * 8 + "╍" * 8 + "┈" * 8 in text
    assert "100/150" in text
    assert "bsc 2 of 3 hosts rest for 9 s" in text
    lines = Lines()
    lines.take(ahead)
    lines.tick()
    said = "bsc: 100 of 150 readings, 3 unread, 12/s, 1 min 35 s left, 2 of 3 hosts rest for 9 s\n"
    assert capsys.readouterr().err == said


def test_the_terminal_is_left_as_it_was() -> None:
    shown, file = picture(80)
    with shown:
        shown.take(begun())
        shown.tick()
        shown.note("a sentence")
    text = file.getvalue()
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    assert "a sentence\n" in text


def test_a_pause_says_how_long_it_takes() -> None:
    assert state_words(PAUSED, NEW_YEAR) == "paused, 30 s left"
    assert state_words(PAUSED, NEW_YEAR + 31) == "paused"


def test_elsewhere_than_on_a_terminal_there_are_lines() -> None:
    assert not sys.stderr.isatty()
    assert isinstance(display(), Lines)
