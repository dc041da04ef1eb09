"""`hdscan serve`: the dashboard and the HTTP API of a wallet, for this machine unless told otherwise."""

import ipaddress
import os
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hdscan.app import Wallet
from hdscan.cli.follow import INTERRUPTED, Interrupt, run
from hdscan.cli.live import Display, Lines
from hdscan.cli.output import write
from hdscan.cli.secrets import protected
from hdscan.cli.session import session
from hdscan.model.errors import InputError, KeyFault

EPILOG = """Examples:

  hdscan serve                                open the link that it prints
  hdscan serve --port 9000
  HDSCAN_TOKEN=… hdscan serve                 programs send Authorization: Bearer …
  hdscan serve --host 0.0.0.0 --allow-remote --token-file token.txt

The link works once: it gives the browser a cookie. The connection is not encrypted: from another machine use an SSH tunnel.
Ctrl-C ends it; a scan that is running then is resumed by the next one."""

VARIABLE = "HDSCAN_TOKEN"


def serve(
    context: typer.Context,
    *,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The IP address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="The port; 0 takes any.")] = 8480,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="The token for programs, in a file of mode 0600.")
    ] = None,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", metavar="", help="Listen for other machines too; needs a token.")
    ] = False,
) -> int:
    """Serve the dashboard and the HTTP API."""
    here = session(context)
    settings = here.settings()
    token = read_token(token_file)
    address = resolved(host)
    remote = not ipaddress.ip_address(address).is_loopback
    if remote and not (allow_remote and token):
        raise InputError(
            f"{host} can be reached from other machines: that needs --allow-remote and a token ({VARIABLE} or --token-file)"
        )
    with Wallet(settings) as wallet, wallet.held("serve"):
        names = (socket.gethostname().lower(), socket.getfqdn().lower()) if remote else ()
        return run(serving(wallet, Lines(log_json=settings.log_json), address, port, names=names, token=token))


async def serving(
    wallet: Wallet,
    shown: Display,
    host: str,
    port: int,
    *,
    names: Sequence[str] = (),
    token: str | None = None,
    begin: bool = False,
) -> int:
    """Serve until a signal comes, scanning at once if `begin`; the exit code."""
    from hdscan import web  # noqa: PLC0415 its import takes 0.3 s, which no other command should cost

    def ready(link: str) -> None:
        shown.note("the dashboard is at this link, which works once; Ctrl-C ends")
        write(link + "\n")

    address = web.Binding(host, port, tuple(names))
    async with Interrupt(wallet, shown) as interrupt:
        await web.serve(wallet, address, token=token, begin=begin, ready=ready, until=interrupt.heard)
    return INTERRUPTED


def read_token(file: Path | None) -> str | None:
    """The token of the file or of the environment, or None; KeyFault where it can't be one."""
    if file is not None:
        text, where = protected(file, "token"), "--token-file"
    else:
        text, where = os.environ.get(VARIABLE, ""), VARIABLE
    token = text.strip()
    if not token and file is None:
        return None
    if not re.fullmatch(r"[\x21-\x7e]{16,}", token):
        raise KeyFault(f"the token of {where} has to be at least 16 printable ASCII characters without spaces")
    return token


def resolved(host: str) -> str:
    """The IP address that is meant; InputError where it is none."""
    name = {"localhost": "127.0.0.1"}.get(host, host).strip("[]")
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        raise InputError(f"--host {host} is no IP address; 127.0.0.1 is this machine alone, 0.0.0.0 every network") from None
