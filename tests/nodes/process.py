"""Nodes as processes: each in a group of its own, on a free port of this machine, and ended with what began it."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

NODES = Path(__file__).parent.parent.parent / ".nodes"
DEADLINE = 60.0  # seconds for anything that a node should do

T = TypeVar("T")


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Node:
    """A process under way; what it says goes to `log`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, and wait for its end where that is one."""
        os.killpg(self._process.pid, number)
        if number is signal.SIGKILL:
            self._process.wait()

    def until(self, found: Callable[[], T | None], what: str) -> T:
        """Wait until `found` gives something; an error is nothing yet. Fails once the process or its time has ended."""
        ends = time.monotonic() + DEADLINE
        while time.monotonic() < ends and self._process.poll() is None:
            try:
                if (value := found()) is not None:
                    return value
            except (OSError, ValueError):
                pass
            time.sleep(0.02)
        raise AssertionError(f"{what} did not come about; the end of the log: {self._log.read_text()[-2000:]}")


@contextmanager
def running(command: Sequence[str | Path], home: Path, environ: Mapping[str, str] | None = None) -> Iterator[Node]:
    """A process in the folder `home`; whoever it started ends with it, however the test ends."""
    home.mkdir(parents=True, exist_ok=True)
    log = home / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *command],  # should even this process be killed
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=home,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **(environ or {})},
            start_new_session=True,
        )
    try:
        yield Node(process, log)
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(20)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        process.wait()
