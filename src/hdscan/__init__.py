"""hdscan reads the balances of every address of an HD wallet and says exactly what could not be read."""

from pathlib import Path
from typing import Any


def open(db: str | None = None, config: str | Path | None = None) -> Any:  # __init__.pyi names the type
    """The `hdscan.app.Wallet` of a database URL and a configuration file, by default where the `hdscan` command looks."""
    from hdscan.app.wallet import open_wallet

    return open_wallet(db, config)
