"""The one place where the parts are put together. `Wallet` is what programs, web and command line work with."""

from hdscan.app.wallet import Wallet, configure, open_wallet
from hdscan.keys.secret import masked, private
from hdscan.model.scan import ScanRequest
from hdscan.settings import Settings, show, shown, template

__all__ = [
    "ScanRequest",
    "Settings",
    "Wallet",
    "configure",
    "masked",
    "open_wallet",
    "private",
    "show",
    "shown",
    "template",
]
