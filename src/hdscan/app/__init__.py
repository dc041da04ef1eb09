"""The one place where the parts are put together; `open_wallet` is where a program begins."""

from hdscan.app.wallet import Imported, Wallet, open_wallet
from hdscan.scan.plan import ScanRequest

__all__ = ["Imported", "ScanRequest", "Wallet", "open_wallet"]
