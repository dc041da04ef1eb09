"""Combine the rows of all files into chains, tokens and endpoints; later files win."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from hdscan.chains import FAMILIES, family_of
from hdscan.model.chain import Asset, Chain, Family, Network
from hdscan.model.endpoint import Endpoint
from hdscan.model.errors import ConfigError
from hdscan.model.meant import did_you_mean
from hdscan.model.protocol import PROTOCOLS, SOLANA_RPC, SOLANA_TOKENS, Protocol
from hdscan.settings.hosts import host_of
from hdscan.settings.proxies import Proxies
from hdscan.settings.schema import CanaryRow, Catalogue, ChainRow, EndpointRow, TokenRow

PARAMETERS = ("slip44", "hrps", "p2pkh", "p2sh", "supply")

R = TypeVar("R", ChainRow, TokenRow, CanaryRow, EndpointRow)


class Rows(msgspec.Struct, frozen=True):
    """The rows of one file, each with its place for errors; `file` is None for the built-in ones."""

    file: str | None = None
    catalogue: Catalogue = "replaced"
    chain: tuple[tuple[str, ChainRow], ...] = ()
    token: tuple[tuple[str, TokenRow], ...] = ()
    canary: tuple[tuple[str, CanaryRow], ...] = ()
    endpoint: tuple[tuple[str, EndpointRow], ...] = ()


class Register(msgspec.Struct):
    """The sum of the files read so far, for one network."""

    network: Network
    environ: Mapping[str, str]
    cwd: Path
    proxies: Proxies
    protocols: Mapping[str, Protocol]
    commitment: str
    token_accounts: str  # "listed" or "held"
    chains: dict[str, Chain] = {}
    tokens: dict[str, dict[str, Asset]] = {}  # by chain and symbol
    token_files: dict[tuple[str, str], str | None] = {}
    canaries: dict[str, tuple[str, ...]] = {}
    endpoints: dict[str, Endpoint] = {}

    def add(self, rows: Rows) -> None:
        """Add one file's rows; ConfigError names the invalid one."""
        for where, chain in self._own(rows.chain, "id"):
            with _at(where):
                known, self.chains[chain.id] = self.chains.get(chain.id), self._chain(chain)
            if known and known.identity != self.chains[chain.id].identity:
                self._forget(chain.id)
        for where, token in self._own(rows.token, "chain", "symbol"):
            with _at(where):
                self._add_token(token, rows.file)
        for where, canary in self._own(rows.canary, "chain", "address"):
            with _at(where):
                chain_id = self._known(canary.chain).id
            self.canaries[chain_id] = tuple(dict.fromkeys((*self.canaries.get(chain_id, ()), canary.address)))
        endpoints = list(self._own(rows.endpoint, "name"))
        if rows.catalogue == "replaced":
            chains = {endpoint.chain for _, endpoint in endpoints}
            self.endpoints = {name: each for name, each in self.endpoints.items() if each.chain not in chains}
        for where, endpoint in endpoints:
            with _at(where):
                self.endpoints[endpoint.name] = self._endpoint(endpoint)

    def known_chains(self) -> dict[str, Chain]:
        return {
            name: msgspec.structs.replace(chain, canaries=self.canaries.get(name, ())) for name, chain in self.chains.items()
        }

    def known_endpoints(self) -> tuple[Endpoint, ...]:
        """Every endpoint; one that can only read at the latest block is off where its chain has another `read_at`."""
        return tuple(self._with_tokens(self._tagged(endpoint)) for endpoint in self.endpoints.values())

    def _with_tokens(self, endpoint: Endpoint) -> Endpoint:
        """Where all accounts of an owner are wanted, tokens have a protocol of their own."""
        if self.token_accounts != "held" or SOLANA_RPC not in endpoint.protocols:
            return endpoint
        return msgspec.structs.replace(endpoint, protocols=(*endpoint.protocols, SOLANA_TOKENS))

    def _tagged(self, endpoint: Endpoint) -> Endpoint:
        chain = self.chains[endpoint.chain]
        untagged = [name for name in endpoint.protocols if not self.protocols[name].tags]
        if chain.read_at in (None, "latest") or not untagged:
            return endpoint
        why = f"off: {untagged[0]} reads at the latest block only, and {chain.id} is read at the {chain.read_at} one"
        return msgspec.structs.replace(endpoint, disabled=endpoint.disabled or why)

    def assets(self) -> dict[str, tuple[Asset, ...]]:
        coins = [Asset(chain.id, chain.symbol, chain.decimals) for chain in self.chains.values()]
        return {coin.chain: (coin, *self.tokens.get(coin.chain, {}).values()) for coin in coins}

    def _own(self, rows: Iterable[tuple[str, R]], *keys: str) -> Iterator[tuple[str, R]]:
        """This network's rows of a table of one file; ConfigError where two have the same keys."""
        places: dict[tuple[str, ...], str] = {}
        for where, row in rows:
            if row.network in (None, self.network):
                first = places.setdefault(tuple(getattr(row, key) for key in keys), where)
                if first != where:
                    raise ConfigError(f"{where}: the same as {first}")
                yield where, row

    def _known(self, chain: str) -> Chain:
        if chain not in self.chains:
            raise ConfigError(f"unknown chain '{chain}'{did_you_mean(chain, tuple(self.chains))}")
        return self.chains[chain]

    def _forget(self, chain: str) -> None:
        """It is another chain than before: what is known of that one's tokens, addresses and hosts is not about it."""
        self.canaries.pop(chain, None)
        if self.chains[chain].family is not Family.SOLANA:  # a local cluster has a genesis of its own and mainnet's mints
            self.tokens.pop(chain, None)
        self.endpoints = {name: each for name, each in self.endpoints.items() if each.chain != chain}

    def _chain(self, row: ChainRow) -> Chain:
        earlier = self.chains.get(row.id)
        if earlier is not None and earlier.family != row.family:
            raise ConfigError(f"'{row.id}' is a {earlier.family} chain already; give this one another id")
        family = FAMILIES[row.family]
        decimals = family.decimals if row.decimals is None else row.decimals
        identity = family.identity(row.chain_id, row.genesis)
        known = earlier is not None and earlier.identity == identity and earlier.l1_blocks
        stated = {key: getattr(row, key) for key in PARAMETERS if getattr(row, key) is not None}
        return Chain(
            id=row.id,
            family=row.family,
            network=self.network,
            symbol=row.symbol,
            decimals=decimals,
            identity=identity,
            head_tolerance=family.tolerance(row.read_at) if row.head_tolerance is None else row.head_tolerance,
            params=family.stated_params(stated, decimals),
            read_at=family.read_at(row.read_at, self.commitment),
            l1_blocks=family.l1_blocks(known if row.l1_blocks is None else row.l1_blocks),
        )

    def _add_token(self, row: TokenRow, file: str | None) -> None:
        """Add a token of a file; a contract that an earlier file gave another symbol is renamed."""
        chain = self._known(row.chain)
        family = family_of(chain)
        family.check_contract(row.contract)
        if row.symbol == chain.symbol:
            raise ConfigError(f"'{row.symbol}' is the chain's own coin; give the token another symbol")
        tokens = self.tokens.setdefault(row.chain, {})
        for symbol, other in list(tokens.items()):
            if symbol != row.symbol and family.same_contract(str(other.contract), row.contract):
                if self.token_files[row.chain, symbol] == file:
                    raise ConfigError(f"has the contract of '{symbol}', and would be counted twice")
                del tokens[symbol]
        self.token_files[row.chain, row.symbol] = file
        tokens[row.symbol] = Asset(row.chain, row.symbol, row.decimals, row.contract, row.onchain_symbol)

    def _endpoint(self, row: EndpointRow) -> Endpoint:
        rows = self._protocols(row)
        host = host_of(row, self.environ, self.cwd, self.proxies, lines=rows[0].lines)
        namesake = self.endpoints.get(row.name)
        if namesake and namesake.chain != row.chain:
            raise ConfigError(f"'{row.name}' is the name of an endpoint of {namesake.chain}; names are unique")
        for other in self.endpoints.values():
            mine = other.chain == row.chain and other.name != row.name
            if mine and (other.url, other.headers) == (host["url"], host["headers"]):
                raise ConfigError(f"has the url of '{other.name}'; one host has one rate: give one row a list of protocols")
        same = {key: getattr(row, key) for key in Endpoint.__struct_fields__ if hasattr(row, key)}
        return Endpoint(**same | host | {"protocols": tuple(each.name for each in rows)})

    def _protocols(self, row: EndpointRow) -> tuple[Protocol, ...]:
        family = self._known(row.chain).family
        words = [row.protocol] if isinstance(row.protocol, str) else row.protocol
        rows = [each for word in words if (each := self.protocols.get(word)) and each.family is family]
        if unknown := next((word for word in words if word not in {each.name for each in rows}), None):
            near = did_you_mean(unknown, tuple(each.name for each in PROTOCOLS.values() if each.family is family))
            raise ConfigError(f"protocol '{unknown}' is not one of a {family} chain{near}")
        if brought := next((each for each in rows if each.brought_by), None):
            raise ConfigError(f"protocol '{brought.name}' comes by {brought.brought_by}; leave it out here")
        if not words or len(set(words)) < len(words):
            raise ConfigError("protocol has to name at least one, and each once")
        if len(rows) > 1 and (lines := next((each.name for each in rows if each.lines), None)):
            raise ConfigError(f"protocol '{lines}' has a url of its own kind; give the others a row of theirs")
        return tuple(rows)


@contextmanager
def _at(where: str) -> Iterator[None]:
    """Prefix a ConfigError with its place."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
