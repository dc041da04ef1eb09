"""Checks the database, and the permissions of it and of the configuration."""

import os
import shlex
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from hdscan.app.doctor.finding import Finding, Level
from hdscan.store import Store


def database_state(store: Store | None, path: Path | None) -> Iterator[Finding]:
    """Check the database; `store` is None if it does not exist yet."""
    if store is not None:
        findings = store.check()
        for finding in findings:
            yield Finding("database", Level.FAIL, finding.what, finding.mend)
        if not findings:
            yield Finding("database", Level.OK, f"{path or 'the server'} opens, and nothing in it is damaged")
        return
    assert path is not None
    home = next(parent for parent in path.absolute().parents if parent.exists())
    if os.access(home, os.W_OK | os.X_OK):
        yield Finding("database", Level.OK, f"there is none yet; the first import makes {path}")
    else:
        yield Finding("database", Level.FAIL, f"{path} cannot be made", f"make {home} writable, or set db to another place")


def permissions(database: Path | None, files: Sequence[Path]) -> Iterator[Finding]:
    """Check who else can read or change the database, the files beside it, and the configuration."""
    if os.name != "posix":
        yield Finding("permissions", Level.OK, "this system keeps them in another way; not looked at")
        return
    beside = sorted(database.parent.glob(f"{database.name}*")) if database is not None else []
    findings = [found for path in (*beside, *files) if (found := _access(path, 0o077))]
    if database is not None and database.parent.exists():
        # a directory of hdscan's own is private; one that the user chose has to be safe from changes
        own = database.parent.name == "hdscan"
        findings += [found] if (found := _access(database.parent, 0o077 if own else 0o022)) else []
    yield from findings or [Finding("permissions", Level.OK, "only you can read or change the database and the configuration")]


def _access(path: Path, unwanted: int) -> Finding | None:
    """Check a file's or directory's mode: writable by others is a failure, readable a warning."""
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    sticky = path.is_dir() and mode & stat.S_ISVTX  # as /tmp: others cannot replace what is ours
    if mode & unwanted & 0o022 and not sticky:
        level, can = Level.FAIL, "change"
    elif mode & unwanted and not sticky:
        level, can = Level.WARN, "read"
    else:
        return None
    mend = f"chmod {'700' if path.is_dir() else '600'} {shlex.quote(str(path))}"
    return Finding("permissions", level, f"others on this machine can {can} {path} (mode {mode:04o})", mend)
