"""The one place where the parts are put together; `open_wallet` is where a program begins."""

from hdscan.app.spreadsheet import csv_lines
from hdscan.app.wallet import Imported, Wallet, configure, find_asset, find_chain, open_wallet
from hdscan.chains import Script
from hdscan.keys.derive import Deriver, from_extended, from_mnemonic
from hdscan.keys.secret import masked
from hdscan.scan.plan import ScanRequest
from hdscan.settings import LogLevel, Settings, show, shown, template

__all__ = [
    "Deriver",
    "Imported",
    "LogLevel",
    "ScanRequest",
    "Script",
    "Settings",
    "Wallet",
    "configure",
    "csv_lines",
    "find_asset",
    "find_chain",
    "from_extended",
    "from_mnemonic",
    "masked",
    "open_wallet",
    "show",
    "shown",
    "template",
]
