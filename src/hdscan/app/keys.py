"""Addresses from keys: what `Wallet.derive` takes."""

from hdscan.chains import Script
from hdscan.keys.deriver import Deriver, from_extended, from_mnemonic

__all__ = ["Deriver", "Script", "from_extended", "from_mnemonic"]
