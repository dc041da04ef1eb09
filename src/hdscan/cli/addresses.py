"""`hdscan import` and `hdscan derive`: where the addresses come from."""

import asyncio
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO, Annotated

import msgspec
import typer

from hdscan.app import Deriver, Imported, Script, find_chain, from_extended, from_mnemonic
from hdscan.cli.meter import Meter
from hdscan.cli.options import AsJson, AsJsonl, Chain
from hdscan.cli.output import Form, clean, form, write, write_json, write_lines, write_rows
from hdscan.cli.secrets import read_extended_key, read_mnemonic
from hdscan.cli.session import session
from hdscan.model.errors import InputError, KeyFault

BAD_SHOWN = 20  # bad lines that are named one by one
SAID_EVERY = 1000  # lines

IMPORT_EPILOG = """Examples:

  hdscan import --chain btc addresses.txt
  hdscan import --chain bsc export.csv --skip-invalid
  cut -d, -f2 wallets.csv | hdscan import --chain sol -

The file has one address a line, or is CSV with an 'address' column. With a bad line nothing is imported (exit code 2),
unless --skip-invalid is given."""

DERIVE_EPILOG = """Examples:

  hdscan derive --chain btc --xpub zpub6rF… --count 1000
  hdscan derive --chain btc --xpub zpub6rF… --branch 1 --start 1000 --count 1000
  hdscan derive --chain sol --seed-stdin --count 50 < seed.txt
  hdscan derive --chain bsc --xpub - --print < xpub.txt

A mnemonic is read from standard input or from a file that only its owner can read, never from an argument: line 1 holds
the words, line 2 the passphrase if there is one. It is not kept, and neither is the extended key."""


class Derived(msgspec.Struct, frozen=True):
    """A line of `derive --print`."""

    address: str
    path: str


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="A file of addresses; - is standard input.")],
    *,
    chain: Chain,
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", metavar="", help="Leave bad lines out and import the rest.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add addresses from a file: one a line, or CSV with an 'address' column."""
    here = session(context)
    find_chain(here.settings(), chain)
    with _opened(file) as (lines, size), here.wallet() as wallet, Meter() as meter:
        counted = _Counted(lines, size, meter)
        work = wallet.import_addresses(
            chain, counted, skip_invalid=skip_invalid, progress=lambda done: meter.say("storing", done, counted.lines)
        )
        imported = asyncio.run(work)
    if as_json:
        write_json(imported)
    _say_bad(imported)
    if imported.bad and not skip_invalid:
        raise InputError(
            f"{_lines(len(imported.bad))}, so nothing was imported; mend what is bad, or leave it out with --skip-invalid"
        )
    if not imported.added and not imported.known:
        raise InputError("there is no address to import")
    if not as_json:
        write(f"{chain}: {imported.added:,} addresses added, {imported.known:,} known already\n")


def _lines(bad: int) -> str:
    return "1 bad line" if bad == 1 else f"{bad:,} bad lines"


def _say_bad(imported: Imported) -> None:
    for bad in imported.bad[:BAD_SHOWN]:
        print(f"line {bad.number}: {clean(bad.reason)}", file=sys.stderr)
    if len(imported.bad) > BAD_SHOWN:
        print(f"and {len(imported.bad) - BAD_SHOWN:,} more bad lines", file=sys.stderr)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], int | None]]:
    """The file's lines and its size in bytes; standard input, of unknown size, for -."""
    if str(path) == "-":
        with TemporaryFile() as spool:  # a slow writer must not hold up a scan: nothing is written before all is there
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
    """Lines, counted while they are read."""

    def __init__(self, lines: Iterable[bytes], size: int | None, meter: Meter) -> None:
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
                if self.lines % SAID_EVERY == 0:
                    known = self._size is not None
                    self._meter.say("reading, bytes" if known else "reading, lines", done if known else self.lines, self._size)
                yield line
        except OSError as error:
            raise InputError(f"the addresses cannot be read: {error.strerror}") from None


def derive(
    context: typer.Context,
    stray: Annotated[list[str] | None, typer.Argument(hidden=True, metavar="")] = None,
    *,
    chain: Chain,
    xpub: Annotated[
        str | None, typer.Option("--xpub", metavar="KEY|-", help="An extended public key; - reads it from standard input.")
    ] = None,
    seed_stdin: Annotated[
        bool, typer.Option("--seed-stdin", metavar="", help="Read a BIP-39 mnemonic from standard input.")
    ] = False,
    seed_file: Annotated[
        Path | None, typer.Option("--seed-file", metavar="FILE", help="Read a BIP-39 mnemonic from a file of mode 0600.")
    ] = None,
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, help="How many addresses.")] = 20,
    start: Annotated[int, typer.Option("--start", metavar="I", min=0, help="The first index.")] = 0,
    branch: Annotated[int, typer.Option("--branch", metavar="0|1", min=0, max=1, help="0 receiving, 1 change.")] = 0,
    script: Annotated[Script | None, typer.Option("--script", help="Bitcoin: the kind of address.")] = None,
    printed: Annotated[bool, typer.Option("--print", metavar="", help="Print address and path, and store nothing.")] = False,
    as_json: AsJson = False,
    as_jsonl: AsJsonl = False,
) -> None:
    """Add addresses derived from an extended public key or a mnemonic."""
    if stray:
        raise KeyFault(
            "derive takes no arguments without an option; if that was a key or a mnemonic, others may have seen it: "
            "a mnemonic is read with --seed-stdin or --seed-file only"
        )
    if (xpub is not None) + seed_stdin + (seed_file is not None) != 1:
        raise InputError("give one of --xpub, --seed-stdin and --seed-file")
    as_form = form(as_json=as_json, as_jsonl=as_jsonl)
    here = session(context)
    target = find_chain(here.settings(), chain)
    if xpub is not None:
        deriver = from_extended(target, read_extended_key(xpub), script=script, branch=branch)
    else:
        words, passphrase = read_mnemonic(seed_file)
        deriver = from_mnemonic(target, words, passphrase, script=script, branch=branch)
    if printed:
        _print(deriver, start, count, as_form)
        return
    with here.wallet() as wallet, Meter() as meter:
        added = asyncio.run(wallet.derive(chain, deriver, start, count, lambda done: meter.say("deriving", done, count)))
    if as_form is Form.TEXT:
        write(f"{chain}: {added.added:,} addresses added, {added.known:,} known already\n")
    else:
        write_json(added)


def _print(deriver: Deriver, start: int, count: int, as_form: Form) -> None:
    rows = (Derived(address, path) for address, path in deriver.addresses(start, count))
    if as_form is Form.TEXT:
        write_lines(f"{row.address}\t{row.path}\n" for row in rows)
    else:
        write_rows(rows, Derived, as_form)
