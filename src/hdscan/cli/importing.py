"""`hdscan import`: add addresses from a file."""

import asyncio
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO, Annotated

import typer

from hdscan.app import Wallet
from hdscan.cli.meter import Meter
from hdscan.cli.options import AsJson, Chain, option, settings_of
from hdscan.cli.stdout import write, write_json
from hdscan.cli.text import clean
from hdscan.model.errors import InputError

BAD_SHOWN = 20  # bad lines that are listed

app = typer.Typer(add_completion=False)

EPILOG = """Examples:

  hdscan import --chain btc addresses.txt
  hdscan import --chain bsc export.csv --skip-invalid
  cut -d, -f2 wallets.csv | hdscan import --chain sol -

The file has one address a line, or is CSV with an 'address' column. With a bad line nothing is imported (exit code 2),
unless --skip-invalid is given."""


@app.command("import", epilog=EPILOG)
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="A file of addresses; - is standard input.")],
    *,
    chain: Chain,
    skip_invalid: Annotated[bool, option("--skip-invalid", "", "Leave bad lines out and import the rest.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add addresses from a file: one a line, or CSV with an 'address' column."""
    settings = settings_of(context)
    settings.chain(chain)
    with _opened(file) as (source, size), Wallet(settings) as wallet, Meter() as meter:
        counted = _Counted(source, size, meter)
        work = wallet.import_addresses(
            chain, counted, skip_invalid=skip_invalid, progress=lambda done: meter.say("storing", done, counted.lines)
        )
        imported = asyncio.run(work)
    if as_json:
        write_json(imported)
    for bad in imported.bad[:BAD_SHOWN]:
        print(f"line {bad.number}: {clean(bad.reason)}", file=sys.stderr)
    if len(imported.bad) > BAD_SHOWN:
        print(f"and {len(imported.bad) - BAD_SHOWN:,} more bad lines", file=sys.stderr)
    if imported.bad and not skip_invalid:
        lines = "1 bad line" if len(imported.bad) == 1 else f"{len(imported.bad):,} bad lines"
        raise InputError(f"{lines}, so nothing was imported; fix them, or skip them with --skip-invalid")
    if not imported.added and not imported.known:
        raise InputError("there is no address to import")
    if not as_json:
        write(f"{chain}: {imported.added:,} addresses added, {imported.known:,} known already\n")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """The lines of the file, or of standard input for -, and their size in bytes."""
    if str(path) == "-":
        with TemporaryFile() as spool:  # read all first: a slow writer must not hold the database
            copyfileobj(sys.stdin.buffer, spool)
            size = spool.tell()
            spool.seek(0)
            yield spool, size
        return
    try:
        file = path.open("rb")
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}") from None
    with file:
        yield file, size


class _Counted:
    """Counts lines as they are read."""

    def __init__(self, lines: Iterable[bytes], size: int, meter: Meter) -> None:
        self._source = lines
        self._size = size
        self._meter = meter
        self.lines = 0

    def __iter__(self) -> Iterator[bytes]:
        done = 0
        try:
            for line in self._source:
                self.lines += 1
                done += len(line)
                if self.lines % 1000 == 0:
                    self._meter.say("reading, bytes", done, self._size)
                yield line
        except OSError as error:
            raise InputError(f"the addresses cannot be read: {error.strerror}") from None
