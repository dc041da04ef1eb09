"""Addresses that stand in a wallet's file."""

from hdscan.keys.address import Places, every_evm
from hdscan.keys.options import Options
from hdscan.model.errors import InputError
from hdscan.model.wallet import Listed


class FileAddresses:
    """Tells of which chains an address in a file is, by the rule of address lists."""

    def __init__(self, options: Options) -> None:
        chosen = options.chosen()
        self._places = Places(chosen or tuple(options.chains.values()))
        self._by_choice = bool(chosen)
        self._evm = 0

    def find(self, text: str) -> list[Listed]:
        """The address on every chain that it is of; none where no chain has it."""
        try:
            address, ids = self._places.find(text.strip())
        except InputError:
            return []
        self._evm += len(ids) > 1
        return [Listed(id_, address) for id_ in ids]

    @property
    def said(self) -> tuple[str, ...]:
        """What was decided for want of knowing, a sentence each."""
        return (every_evm(self._evm, self._places.evm),) if self._evm and not self._by_choice else ()
