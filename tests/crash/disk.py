"""A small disk of one's own: a tmpfs that only this process and its children see, where the system lets one be mounted."""

import ctypes
import os
import subprocess
from contextlib import suppress
from pathlib import Path

SIZE = 8 * 2**20  # bytes: the databases of a round take less than half of it
_CLONE_NEWNS = 0x20000


def mount(place: Path) -> bool:
    """Mount a disk at a directory; False where that is not allowed. It is gone with the last process that sees it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or libc.unshare(_CLONE_NEWNS) != 0:
        return False
    commands = (["mount", "--make-rprivate", "/"], ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)])
    return all(subprocess.run(command, capture_output=True, check=False).returncode == 0 for command in commands)


class Ballast:
    """A file that takes all of a disk's room but `spare` bytes."""

    def __init__(self, disk: Path, spare: int) -> None:
        self._file, self._disk, self._spare = disk / "ballast", disk, spare

    def drop(self) -> None:
        """Fill the disk."""
        with self._file.open("wb") as file:
            while (room := self._room()) > 0:
                with suppress(OSError):  # somebody else took some of it just now
                    os.posix_fallocate(file.fileno(), 0, file.seek(0, os.SEEK_END) + room)

    def lift(self) -> None:
        """Give the room back."""
        self._file.unlink(missing_ok=True)

    def _room(self) -> int:
        left = os.statvfs(self._disk)
        return left.f_bavail * left.f_frsize - self._spare
