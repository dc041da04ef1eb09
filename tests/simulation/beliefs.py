"""Which false amounts may be stored: what nobody could know to be wrong, and a liar's first word on a reading."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple


class Stored(NamedTuple):
    """An amount as it is stored: the host that said it, those that said it in that scan, and the scan."""

    amount: str
    source: str
    said: list[str]
    scan: int


Said = tuple[str, str, str]  # host, address in lower case, symbol


class Beliefs:
    """What hosts of one chain said that was not so.

    `operators` are by host, `honest` those of hosts that say the truth once the world has healed, `trusted` are hosts. A liar
    beside two honest operators, or an honest host that is trusted, is believed only for a reading of which nothing is known.
    """

    def __init__(self, operators: Mapping[str, str], honest: Collection[str], trusted: Collection[str]) -> None:
        self.operators, self.trusted = operators, set(trusted)
        self.many = len(set(operators.values())) > 1
        self._decided = len(honest) > 1 or bool(trusted)
        self.believable: set[Said] = set()  # what nobody could know to be wrong
        self.behind: set[Said] = set()  # the same, of a block long ago that was named
        self.lied: set[Said] = set()  # what a liar said whom others can contradict

    def doubted(self, text: str, symbol: str) -> bool:
        """Whether anybody said something false of a reading."""
        return any(self._by(words, text, symbol) for words in (self.believable, self.behind, self.lied))

    def lie(self, said: Iterable[Said]) -> None:
        """A host lied about amounts."""
        (self.lied if self._decided else self.believable).update(said)

    def one_word(self, hosts: Collection[str]) -> bool:
        """Whether the word of these hosts is that of one operator, which is not enough."""
        return self.many and len({self.operators[host] for host in hosts}) < 2 and not self.trusted & set(hosts)

    def broken(self, text: str, symbol: str, stored: Stored, *, changed: bool, new: bool) -> str | None:
        """The rule that a false amount breaks; it may have just been `new`, or have `changed` another one."""
        if self._by(self.believable, text, symbol):
            return None
        liars, late = self._by(self.lied, text, symbol), self._by(self.behind, text, symbol)
        others = set(stored.said) - {stored.source}
        if late and not (new and stored.source in liars and others and others <= late):
            return None
        if not liars & set(stored.said):
            return "false zero" if stored.amount == "0" else "wrong amount"
        if changed:
            return "known replaced"
        return None if self.one_word(stored.said) else "lie confirmed"

    def _by(self, words: set[Said], text: str, symbol: str) -> set[str]:
        return {host for host in self.operators if (host, text, symbol) in words}
