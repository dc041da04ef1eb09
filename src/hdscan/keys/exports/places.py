"""Addresses that stand in a wallet's file."""

from hdscan.keys.address import Places
from hdscan.keys.options import Options
from hdscan.model.errors import InputError
from hdscan.model.wallet import Listed


class FileAddresses:
    """Tells of which chains an address in a file is, by the rule of address lists."""

    def __init__(self, options: Options) -> None:
        self._places = Places(options.chosen() or tuple(options.chains.values()))

    def find(self, text: str) -> list[Listed]:
        """The address on every chain that it is of; none where no chain has it."""
        try:
            address, ids = self._places.find(text.strip())
        except InputError:
            return []
        return [Listed(id_, address) for id_ in ids]
