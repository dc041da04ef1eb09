"""`hdscan` commands in processes of their own that are meant to die: forked, so that a round takes tenths of a second.

The forked process has imported hdscan and done nothing else; it runs the same `main` as the command that is installed.
"""

import os
import resource
import select
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from hdscan import cli

DEADLINE = 150.0  # seconds after which a process hangs, which is a failure


class Ended(msgspec.Struct, frozen=True):
    """How a process ended: its exit code, or minus the signal that killed it."""

    code: int
    out: bytes
    err: str


class Limit(msgspec.Struct, frozen=True):
    """RLIMIT_FSIZE in bytes: a write beyond it kills the process in the midst of it (`fatal`), or fails as on a full disk."""

    size: int
    fatal: bool


class Running:
    """A process under way; what it says goes to files, beside its home, which may be full."""

    def __init__(self, words: Sequence[str], home: Path, environ: Mapping[str, str], limit: Limit | None = None) -> None:
        self.out, self.err = home.parent / "out", home.parent / "err"
        for earlier in (self.out, self.err):
            earlier.unlink(missing_ok=True)
        self.pid = os.fork()
        if self.pid == 0:
            _become(words, home, environ, limit, (self.out, self.err))
        self._handle = os.pidfd_open(self.pid)

    def wait(self, seconds: float) -> bool:
        """Whether it ended within so many seconds."""
        return bool(select.select([self._handle], [], [], seconds)[0])

    def end(self) -> Ended:
        """Wait for its own end; a process that hangs is killed and said to have hung."""
        hung = not self.wait(DEADLINE)
        ended = self.kill()
        return msgspec.structs.replace(ended, err=f"it hung\n{ended.err}") if hung else ended

    def kill(self) -> Ended:
        """Kill it, if it has not ended."""
        if not self.wait(0):
            os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        os.close(self._handle)
        code = os.waitstatus_to_exitcode(status)
        return Ended(code, self.said, self.err.read_text("utf-8", "replace") if self.err.exists() else "")

    @property
    def said(self) -> bytes:
        """What it has written to stdout so far."""
        return self.out.read_bytes() if self.out.exists() else b""


@contextmanager
def running(words: Sequence[str], home: Path, environ: Mapping[str, str], limit: Limit | None = None) -> Iterator[Running]:
    """A process that has ended when this is left, whatever happens."""
    process = Running(words, home, environ, limit)
    try:
        yield process
    finally:
        try:
            os.kill(process.pid, signal.SIGKILL)
            os.waitpid(process.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def _become(
    words: Sequence[str], home: Path, environ: Mapping[str, str], limit: Limit | None, files: tuple[Path, Path]
) -> None:
    """Be the command, in the forked process; never returns."""
    try:
        for number, path in enumerate(files, 1):
            os.dup2(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(environ)
        os.chdir(home)
        sys.argv[1:] = words
        if limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL if limit.fatal else signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit.size, limit.size))
        cli.main()
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else 1)
    finally:
        os._exit(70)
