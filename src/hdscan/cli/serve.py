"""`hdscan serve`: the dashboard and the HTTP API of a wallet, on this machine only by default."""

import ipaddress
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hdscan import web
from hdscan.app import Wallet
from hdscan.cli import log
from hdscan.cli.call import INTERRUPTED
from hdscan.cli.display import Display, Lines
from hdscan.cli.follow import Interrupt, run
from hdscan.cli.options import option, settings_of
from hdscan.cli.secrets import TOKEN_VARIABLE, read_token
from hdscan.cli.stdout import write
from hdscan.model.errors import InputError

app = typer.Typer(add_completion=False)

EPILOG = """Examples:

  hdscan serve                                open the link that it prints
  hdscan serve --port 9000
  HDSCAN_TOKEN=… hdscan serve                 programs send Authorization: Bearer …
  hdscan serve --host 0.0.0.0 --allow-remote --token-file token.txt

The link works once: it gives the browser a cookie. The connection is not encrypted: from another machine use an SSH tunnel.
Ctrl-C ends it; a scan that is running then is resumed by the next one."""


@app.command("serve", epilog=EPILOG)
def serve(
    context: typer.Context,
    *,
    host: Annotated[str, option("--host", "ADDRESS", "The IP address to listen on.")] = "127.0.0.1",
    port: Annotated[int, option("--port", "N", "The port; 0 takes any.", min=0, max=65535)] = 8480,
    token_file: Annotated[
        Path | None, option("--token-file", "FILE", "The token for programs, in a file of mode 0600.")
    ] = None,
    allow_remote: Annotated[bool, option("--allow-remote", "", "Listen for other machines too; needs a token.")] = False,
) -> int:
    """Serve the dashboard and the HTTP API."""
    settings = settings_of(context)
    log.begin(settings)
    token = read_token(token_file)
    address = resolved(host)
    remote = not ipaddress.ip_address(address).is_loopback
    if remote and not (allow_remote and token):
        raise InputError(
            f"{host} can be reached from other machines: that needs --allow-remote and a token "
            f"({TOKEN_VARIABLE} or --token-file)"
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
    """Serve until a signal, scanning at once if `begin`; return the exit code."""

    def ready(link: str) -> None:
        shown.note("the dashboard is at this link, which works once; Ctrl-C ends")
        write(link + "\n")

    address = web.Binding(host, port, tuple(names))
    async with Interrupt(wallet, shown) as interrupt:
        await web.serve(wallet, address, token=token, begin=begin, ready=ready, until=interrupt.heard)
    return INTERRUPTED


def resolved(host: str) -> str:
    """The IP address of --host; InputError if it is none."""
    name = {"localhost": "127.0.0.1"}.get(host, host).strip("[]")
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        raise InputError(f"--host {host} is no IP address; 127.0.0.1 is this machine alone, 0.0.0.0 every network") from None
