"""The table of commands: what `--help` says of each without importing it, and the module that is imported to run it."""

import gc
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from hdscan.model.errors import InputError


class Row(NamedTuple):
    """A command's module below `hdscan.cli`, which has a Typer `app`, and the first line of its help."""

    module: str
    help: str


COMMANDS = {
    "add": Row("adding", "Add a wallet: an export file, an extended public key, a descriptor, addresses, or a mnemonic."),
    "wallets": Row("wallets", "List the wallets and what they hold, or show one."),
    "plan": Row("planning", "Show what the next scan will ask of whom, and how long it takes; nothing is asked."),
    "scan": Row("scan", "Read the balance of every address; resumes a scan that did not end."),
    "status": Row("reports", "Show how far the last scan of every chain is."),
    "balances": Row("reports", "Show what is held: totals per asset, then the addresses that hold something."),
    "gaps": Row("reports", "List what the last scan could not read, with every provider's reason."),
    "explain": Row("explain", "Show what is known of an address, and why each provider was or was not asked."),
    "addresses": Row("addresses", "List the addresses of wallets, or those of a source without storing them."),
    "label": Row("naming", "Label an address."),
    "rename": Row("naming", "Rename a wallet."),
    "remove": Row("naming", "Remove a wallet; addresses that another one has stay."),
    "export": Row("exporting", "Print a wallet's descriptors, or its labels."),
    "providers": Row("providers", "Show every provider as last seen: state, breaker, rate, pause, counts, last error."),
    "tokens": Row("tokens", "List the tokens that are read, add one, or take one out."),
    "chains": Row("planning", "List the chains with their hosts, keys that help, and what 1,000 addresses take."),
    "serve": Row("serve", "Serve the dashboard and the HTTP API."),
    "demo": Row("demo", "Scan simulated chains through faulty providers, and compare with the truth."),
    "doctor": Row("doctor", "Check database, permissions, clock and providers, and say how to fix what is wrong."),
    "config": Row("config", "Show the configuration, or write a file to begin with."),
}


GONE = {  # commands that were, and what does their work
    "import": "hdscan add FILE",
    "derive": "hdscan add KEY; hdscan addresses --derive KEY prints addresses and stores nothing",
}

AS_IS: dict[Any, Callable[[Any], Any]] = {str: str, list[str]: list}  # what stays text needs no converter


class LazyGroup(TyperGroup):
    """A group that lists its commands from the table, and imports the one that is run, completed or explained."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """What a listing shows of a command."""
        row = COMMANDS.get(cmd_name)
        return None if row is None else TyperCommand(cmd_name, help=row.help)

    def get_params(self, ctx: Any) -> list[Any]:
        return convert_only_given(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called, imported; only now is the collector on, and what was imported is spared from it."""
        if args and (instead := GONE.get(args[0])):
            raise InputError(f"there is no 'hdscan {args[0]}' any more: {instead}")
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            command = load(name)
            for each in (command, *getattr(command, "commands", {}).values()):
                convert_only_given(each.get_params(ctx))
        gc.freeze()  # walking it again and again costs pauses of 0.1 s, which bunch calls
        gc.enable()
        return name, command, rest


def load(name: str) -> Any:
    """Import a command: its own, or the group of its module."""
    made = typer.main.get_command(import_module(f"hdscan.cli.{COMMANDS[name].module}").app)
    return getattr(made, "commands", {}).get(name, made)


def convert_only_given(options: list[Any]) -> list[Any]:
    """Spare Typer's converter, whose first use imports pydantic (35 ms), for options that are texts or were not given."""
    for option in options:
        if not option.required and not isinstance(option.process_value, partial):
            option.process_value = partial(_convert, option.process_value, AS_IS.get(option.type_descriptor.annotation))
    return options


def _convert(process: Callable[[Any, Any], Any], as_is: Callable[[Any], Any] | None, context: Any, value: Any) -> Any:
    if value is None:
        return None
    return process(context, value) if as_is is None else as_is(value)
