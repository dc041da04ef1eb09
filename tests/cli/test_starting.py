"""A command imports what it runs and nothing else."""

import subprocess
import sys

import pytest

from hdscan.cli import lazy
from tests.cli.conftest import Hdscan

HEAVY = {"aiohttp", "alembic", "litestar", "prometheus_client", "solders", "uvicorn", "uvloop", "hdscan.sim", "hdscan.web"}
NO_DATABASE = {"sqlalchemy", "hdscan.app"}
RUN = "import sys; from hdscan.cli import run; run(sys.argv[1:]); print('\\n'.join(sys.modules), file=sys.stderr)"
BTC_ADDRESS = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"


def loaded(hdscan: Hdscan, call: str) -> set[str]:
    """The modules that a call has loaded at its end."""
    command = [sys.executable, "-c", RUN, *call.split()]
    done = subprocess.run(command, env=hdscan.environ, cwd=hdscan.home, capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines())


@pytest.fixture
def used(hdscan: Hdscan) -> Hdscan:
    """A home whose database has an address."""
    (hdscan.home / "list.txt").write_text(BTC_ADDRESS)
    hdscan.ok("add", "--chain", "btc", "list.txt")
    return hdscan


@pytest.mark.parametrize(
    "call",
    [
        "balances",
        "balances --chain btc --jsonl",
        "status",
        "status --json",
        "gaps",
        "providers",
        f"explain {BTC_ADDRESS}",
        "tokens",
        "tokens --csv",
        "config show",
        "config show --json",
    ],
)
def test_a_command_that_asks_nobody_loads_no_client_server_migration_or_simulator(used: Hdscan, call: str) -> None:
    assert HEAVY & loaded(used, call) == set()


def test_a_list_is_added_without_client_server_migration_or_simulator(used: Hdscan) -> None:
    (used.home / "more.txt").write_text("1BoatSLRHtKNngkdXEeobR76b53LETtpyT")
    assert HEAVY & loaded(used, "add --chain btc more.txt") <= {"solders"}  # the addresses of Solana are among those it knows


@pytest.mark.parametrize("call", ["balances --chain btc --asset BTC", "plan --chain btc --asset BTC"])
def test_options_that_are_texts_load_no_converter(used: Hdscan, call: str) -> None:
    assert "pydantic" not in loaded(used, call)


@pytest.mark.parametrize("call", ["--help", "--version", ""])
def test_a_call_without_a_command_loads_no_command(hdscan: Hdscan, call: str) -> None:
    modules = loaded(hdscan, call)
    assert not (HEAVY | NO_DATABASE) & modules
    assert not {f"hdscan.cli.{row.module}" for row in lazy.COMMANDS.values()} & modules


@pytest.mark.parametrize("name", lazy.COMMANDS)
def test_the_list_of_commands_says_what_a_command_says_of_itself(name: str) -> None:
    assert lazy.load(name).help.partition("\n")[0] == lazy.COMMANDS[name].help


def test_the_shell_completes_commands_and_their_options(hdscan: Hdscan) -> None:
    context = lazy.typer.Context(lazy.load("config"))
    assert [item.value for item in lazy.load("config").shell_complete(context, "s")] == ["show"]
    group = lazy.LazyGroup(name="hdscan")
    assert [item.value for item in group.shell_complete(lazy.typer.Context(group), "ba")] == ["balances"]
    _, command, rest = group.resolve_command(lazy.typer.Context(group), ["balances", "--fu"])
    assert [item.value for item in command.shell_complete(lazy.typer.Context(command), rest[0])] == ["--funded"]
