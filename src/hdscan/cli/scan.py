"""`hdscan scan`: read the balances, show progress, then totals and what could not be read."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from hdscan.app import ScanRequest, Wallet
from hdscan.cli.call import FAILED, INTERRUPTED, OK, UNREAD, Call
from hdscan.cli.display import Display, display_of
from hdscan.cli.follow import Interrupt, follow, run
from hdscan.cli.options import AsJson, AsJsonl, Assets, Chains, Wallets, option, settings_of
from hdscan.cli.planning import first_line
from hdscan.cli.stdout import Form, form, write_json
from hdscan.cli.table import confirmed_words, show, totals_table
from hdscan.cli.text import audit_words, clean
from hdscan.model.errors import InputError
from hdscan.model.events import Event
from hdscan.model.recast import recast
from hdscan.model.scan import ScanResult, Status

app = typer.Typer(add_completion=False)

EXIT_CODES = {
    Status.COMPLETED: OK,
    Status.COMPLETED_WITH_GAPS: UNREAD,
    Status.STOPPED: INTERRUPTED,
    Status.RUNNING: FAILED,
    Status.FAILED: FAILED,
}
SECOND_OPERATOR = "add an [[endpoint]] of another operator, or mark your own node as trusted"
EPILOG = """Examples:

  hdscan scan                            every chain that has addresses
  hdscan scan --chain btc --asset usdt   some chains, some assets
  hdscan scan --wallet savings           one wallet
  hdscan scan --retry                    only what the last scan left unread
  hdscan scan --audit 5                  ask another operator at least about all that is held, and 5 % of the zeros
  hdscan scan --watch 3600               again every hour
  hdscan scan --jsonl > events.jsonl     for a program

Exit code: 0 all read, 1 failed, 3 something is unread or disputed, 130 stopped by Ctrl-C or SIGTERM.
A scan that was stopped, failed or killed is resumed by the next one."""


class Resulted(ScanResult, frozen=True, tag_field="event", tag="scan_result"):
    """The result as the last line of `scan --jsonl`."""


@app.command("scan", epilog=EPILOG)
def scan(
    context: typer.Context,
    *,
    chain: Chains = None,
    asset: Assets = None,
    wallet: Wallets = None,
    restart: Annotated[bool, option("--restart", "", "Begin a new scan even if the last one can be resumed.")] = False,
    retry: Annotated[bool, option("--retry", "", "Read only what the last scan left unread.")] = False,
    audit: Annotated[
        float | None,
        option("--audit", "N", "Ask another operator at least for all that is held and N % of zeros.", min=0, max=100),
    ] = None,
    watch: Annotated[float | None, option("--watch", "SECONDS", "Scan again every so many seconds.", min=1)] = None,
    as_json: AsJson = False,
    as_jsonl: AsJsonl = False,
) -> int:
    """Read the balance of every address; resumes a scan that did not end."""
    if restart and retry:
        raise InputError("--restart reads everything, --retry only what is unread: choose one")
    if watch is not None and (retry or as_json):
        raise InputError(f"--watch does not go with {'--retry' if retry else '--json; use --jsonl'}")
    as_form = form(as_json=as_json, as_jsonl=as_jsonl)
    settings = settings_of(context)
    shown = display_of(settings, quiet=context.ensure_object(Call).log_level is None)
    with Wallet(settings) as opened:
        for name in chain or ():
            settings.chain(name)
        for name in asset or ():
            settings.asset(name, chain)
        request = ScanRequest(tuple(chain or ()), tuple(asset or ()), restart, retry, audit, tuple(wallet or ()))
        shown.note(first_line(opened.plan(request)))
        return run(_scan(opened, request, shown, as_form, watch))


async def _scan(wallet: Wallet, request: ScanRequest, shown: Display, as_form: Form, watch: float | None) -> int:
    """Scan once, or repeatedly with --watch; return the exit code."""
    clock = asyncio.get_running_loop().time
    on_event: Callable[[Event], None] | None = write_json if as_form is Form.JSONL else None
    async with Interrupt(wallet, shown) as interrupt:
        while True:
            began = clock()
            with shown:
                result = await follow(wallet, request, shown, interrupt, on_event)
            _report(wallet, result, request.wallets, shown, as_form)
            if watch is None:
                return EXIT_CODES[result.status]
            request = msgspec.structs.replace(request, restart=False)
            await interrupt.wait(max(0.0, began + watch - clock()))
            if interrupt.asked:
                return INTERRUPTED


def _report(wallet: Wallet, result: ScanResult, names: Sequence[str], shown: Display, as_form: Form) -> None:
    """Say what the scan came to; `names` are the wallets that it was of, none for all."""
    match as_form:
        case Form.JSON:
            write_json(result)
        case Form.JSONL:
            write_json(recast(result, Resulted))
        case _:
            for name in names:
                show(f"{clean(name)}:", *_held(wallet, result, name))
            if not names:
                show(*_held(wallet, result))
            show(*(f"{name}: {words}" for name, chain in result.chains.items() if (words := audit_words(chain))))
    claims = sum(wallet.store.balances.claims(result.scan_id, name) for name, chain in result.chains.items() if chain.unread)
    ends = sum(record.open_ends for record in wallet.chains() if record.chain in result.chains)
    for line in [*_unchallenged(wallet, result.chains), *next_steps(result, claims, ends), *_unlisted(wallet, result.chains)]:
        shown.note(line)


def _held(wallet: Wallet, result: ScanResult, name: str | None = None) -> Iterator[str | Table]:
    """What was asked for comes to in all, or in one wallet."""
    asked = {(record.chain, symbol) for record in wallet.chains() for symbol in record.assets}
    totals = [
        each for chain in result.chains for each in wallet.totals(chain, wallet=name) if (each.chain, each.asset) in asked
    ]
    totals = [each for each in totals if each.addresses]
    if words := confirmed_words(totals):
        yield words
    yield totals_table(totals)


def _unchallenged(wallet: Wallet, chains: Iterable[str]) -> Iterator[str]:
    for chain in chains:
        if words := wallet.unchallenged(chain):
            yield f"{chain}: {words}; {SECOND_OPERATOR}"


def _unlisted(wallet: Wallet, chains: Iterable[str]) -> Iterator[str]:
    for chain in chains:
        if count := wallet.store.balances.unlisted_count(chain).tokens:
            tokens = f"{count:,} unlisted tokens are" if count > 1 else "1 unlisted token is"
            yield (
                f"{chain}: {tokens} held, in no total. See them: hdscan balances --unlisted."
                f" List one: hdscan tokens add --chain {chain} MINT"
            )


def next_steps(result: ScanResult, claims: int = 0, open_ends: int = 0) -> list[str]:
    """What to do after a scan that did not read everything.

    `claims` of the unread ones keep an amount that one contradicts; `open_ends` are branches whose end is not known.
    """
    lines = []
    if result.status in (Status.STOPPED, Status.FAILED):
        lines.append("not finished; what was read is kept. Go on with: hdscan scan")
    if claims:
        lines.append(
            f"{claims:,} amounts changed on one operator's word only, so the earlier ones stay. Who says what: hdscan gaps."
            " Ask again: hdscan scan --retry"
        )
    if unread := sum(chain.unread for chain in result.chains.values()) - claims:
        lines.append(
            f"{unread:,} readings are unread (they are not zeros). See them: hdscan gaps. Try again: hdscan scan --retry"
        )
    if open_ends:
        branches = "1 branch has" if open_ends == 1 else f"{open_ends:,} branches have"
        lines.append(
            f"{branches} no known end, so addresses may be missing. Which: hdscan gaps. Try again: hdscan scan --retry"
        )
    if disputed := sum(chain.disputed for chain in result.chains.values()):
        lines.append(
            f"{disputed:,} readings are disputed: operators disagree, so they have no amount. Who says what: hdscan balances."
            " Ask again: hdscan scan --retry"
        )
    if unaudited := sum(chain.unaudited for chain in result.chains.values()):
        lines.append(f"{unaudited:,} amounts are one operator's word: no other could answer. Ask again: hdscan scan --retry")
    return lines
