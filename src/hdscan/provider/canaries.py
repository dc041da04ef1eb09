"""The canaries of a chain: addresses that surely hold its coin, and what the operators said of each in this run."""

import structlog

from hdscan.model.chain import Asset, Chain
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import Reading

_log = structlog.get_logger()


class Canaries:
    """Shared by a chain's providers: whom to believe where one says that a canary is empty.

    the operators' words                        what follows
    empty, and another says funded              CONTRADICTED
    empty, and no other is asked for canaries   CONTRADICTED
    empty, and no other has said anything       STALE: not believed until another has
    empty at two, funded at none                the canary is retired, and asked no more
    """

    def __init__(self, chain: Chain) -> None:
        coin = Asset(chain.id, chain.symbol, chain.decimals)
        self._chain = chain.id
        self._asked = [Reading(-1, text, coin) for text in chain.canaries]
        self._operators: set[str] = set()
        self._funded: dict[str, set[str]] = {}  # operators by address
        self._empty: dict[str, set[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._asked)

    def join(self, operator: str) -> None:
        """An operator that will be asked."""
        self._operators.add(operator)

    def next(self) -> Reading:
        """The canary to ask along: one that somebody called empty, otherwise each in turn."""
        doubted = [canary for canary in self._asked if self._empty.get(canary.address)]
        canary = doubted[0] if doubted else self._asked[0]
        self._asked.remove(canary)
        self._asked.append(canary)
        return canary

    def heard(self, operator: str, canary: Reading, amount: int) -> str | None:
        """Take in an operator's word; a sentence where that retires the canary. Raises CallError where it isn't believed."""
        if canary not in self._asked:
            return None
        address = canary.address
        funded, empty = self._funded.setdefault(address, set()), self._empty.setdefault(address, set())
        if amount:
            funded.add(operator)
            empty.discard(operator)
            return None
        empty.add(operator)
        funded.discard(operator)
        said = f"called {address} empty, which a canary of {self._chain} says is funded"
        if funded:
            raise CallError(ReadCode.CONTRADICTED, f"{said}, and so does {', '.join(sorted(funded))}")
        if self._operators <= {operator}:
            raise CallError(ReadCode.CONTRADICTED, said)
        if len(empty) == 1:
            raise CallError(ReadCode.STALE, f"{said}; it is not believed until another operator was asked")
        self._asked.remove(canary)
        _log.warning("canary_retired", chain=self._chain, address=address, operators=sorted(empty))
        return f"the canary {address} is empty at {' and '.join(sorted(empty))}: nobody is judged by it any more in this run"
