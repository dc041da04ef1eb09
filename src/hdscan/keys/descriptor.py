"""The wallet of output descriptors (BIP-380 to 389)."""

from collections.abc import Iterator, Sequence

import msgspec

from hdscan.chains import Script, family_of
from hdscan.keys.address import canonical
from hdscan.keys.branch import account_of, branch, path_of, role_of
from hdscan.keys.derive import FUNCTIONS, derive
from hdscan.keys.options import Options
from hdscan.keys.styles import BY_SCRIPT
from hdscan.keys.target import chains_of, check, coin_of
from hdscan.keys.template import MAX_LENGTH, MULTISIGS, Template, parse
from hdscan.model.chain import Chain, Family
from hdscan.model.errors import InputError, KeyFault
from hdscan.model.wallet import Branch, Found, Listed, Role, WalletKind

MAX_DESCRIPTORS = 1000  # in one text
SEGWIT = ("wpkh", "wsh", "tr", "rawtr")
_SCRIPTS = {tuple(before.split("(")[:-1]): script for script, (before, _) in FUNCTIONS.items()}


def of_descriptor(text: str, options: Options, *, name: str | None = None, what: str | None = None) -> Found:
    """The wallet of one descriptor or several, as of receiving and change, with blanks or lines between them.

    Raises KeyFault or InputError, which repeat nothing of it.
    """
    said: list[str] = []
    whole = [_ranged(each, said) for descriptor in split(text) for each in _without_combo(parse(descriptor), options, said)]
    singles = {one.text(): (one, role) for template in whole for one, role in _singles(template)}
    singles = _with_siblings(singles, said)
    branches: list[Branch] = []
    listed: list[Listed] = []
    for source, (one, role) in singles.items():
        for chain in _chains(one, options, said):
            _check(one, chain)
            if one.ranged:
                branches.append(_branch(chain, source, one, role, options))
            else:
                listed.append(Listed(chain.id, _fixed(chain, source, one)))
    multisig = any(function in MULTISIGS and len(one.keys) > 1 for one in whole for function in one.functions)
    return Found(
        kind=WalletKind.MULTISIG if multisig else WalletKind.DESCRIPTOR,
        name=name,
        what=what or _what(whole),
        branches=tuple(branches),
        listed=tuple(dict.fromkeys(listed)),
        said=tuple(dict.fromkeys(said)),
    )


def split(text: str) -> Iterator[str]:
    """The descriptors of a text; each may hold blanks and lines within its parentheses."""
    count, pending = 0, ""
    for word in text.split():
        pending += word
        if len(pending) > MAX_LENGTH:
            break  # which says so
        if pending.count("(") == pending.count(")"):
            yield pending
            count, pending = count + 1, ""
            if count > MAX_DESCRIPTORS:
                raise KeyFault(f"there are more than {MAX_DESCRIPTORS:,} descriptors")
    if pending or not count:
        yield pending


def _without_combo(template: Template, options: Options, said: list[str]) -> Iterator[Template]:
    """The descriptors that a combo() stands for (BIP-384)."""
    if template.functions[0] != "combo":
        yield template
        return
    said.append("a combo() pays to a bare public key, too, which has no address: what it holds there is not read")
    key = template.parts[1]
    compressed = not isinstance(key, str) or len(key.rpartition("]")[2]) == 66
    segwit = compressed and all(family_of(chain).params(chain).hrps for chain in _chains(template, options, []))
    for functions, script in _SCRIPTS.items():
        if script is Script.P2PKH or (segwit and script is not Script.P2TR):
            before, after = FUNCTIONS[script]
            yield msgspec.structs.replace(template, parts=(before, *template.parts[1:-1], after), functions=functions)


def _ranged(template: Template, said: list[str]) -> Template:
    """The template with /<0;1>/* below its keys if there is no path at all, as some programs leave it to their readers."""
    keys = template.keys
    if len({len(key.paths) for key in keys} - {1}) > 1:
        raise KeyFault("the keys of the descriptor have different numbers of paths in <…;…> (BIP-389)")
    if not keys or any(key.ranged or key.paths != ((),) or key.key.depth > 4 for key in keys):
        return template
    said.append("the descriptor has no path below its keys: /0/* (receiving) and /1/* (change) are taken")
    return template.with_paths(lambda key: ((0,), (1,)), ranged=True)


def _singles(template: Template) -> Iterator[tuple[Template, Role | None]]:
    """A template for each of its branches; the second of several is that of change (BIP-389)."""
    count = max((len(key.paths) for key in template.keys), default=1)
    for number in range(count):
        role = None if count == 1 else Role.CHANGE if number == 1 else Role.RECEIVE
        yield template.branch(number), role


_Singles = dict[str, tuple[Template, Role | None]]


def _with_siblings(singles: _Singles, said: list[str]) -> _Singles:
    """The branches, and those of change (or receiving) that nobody gave although only the last step tells them apart."""
    found: _Singles = {}
    for source, (one, role) in singles.items():
        found[source] = one, role or _role(one, singles)
        last = _last(one)
        if role is None and last in (0, 1):
            other = _beside(one, 1 - last)
            if other.text() not in singles:
                found[other.text()] = other, Role.RECEIVE if last else Role.CHANGE
                given, added = ("change", "receiving") if last else ("receiving", "change")
                said.append(f"only the {given} addresses are described: the {added} ones (/{1 - last}/*) are taken, too")
    return _in_pairs(found)


def _in_pairs(singles: _Singles) -> _Singles:
    """The branches in order of arrival, but each receiving one right before the change of its keys."""
    pairs: dict[str, int] = {}

    def place(source: str) -> tuple[int, bool]:
        one, role = singles[source]
        pair = _beside(one, 0).text() if _last(one) in (0, 1) else source
        return pairs.setdefault(pair, len(pairs)), role is Role.CHANGE

    return {source: singles[source] for source in sorted(singles, key=place)}


def _last(one: Template) -> int | None:
    """The last step before the wildcard, if that of all keys is the same."""
    last = {key.paths[0][-1] if key.paths[0] else None for key in one.keys if key.ranged}
    return last.pop() if len(last) == 1 else None


def _beside(one: Template, last: int) -> Template:
    return one.with_paths(lambda key: ((*key.paths[0][:-1], last),) if key.ranged else key.paths)


def _role(one: Template, singles: _Singles) -> Role:
    last = _last(one)
    if last and last % 2 and _beside(one, last - 1).text() in singles:  # /2/* and /3/*
        return Role.CHANGE
    return role_of(one.keys[0], one.keys[0].paths[0]) if one.keys else Role.RECEIVE


def _chains(one: Template, options: Options, said: list[str]) -> Sequence[Chain]:
    """The chains that a descriptor is for."""
    like_bitcoin = [chain for chain in options.chains.values() if chain.family is Family.BITCOIN]
    keys = one.keys
    if chosen := options.chosen():
        chains: Sequence[Chain] = chosen
    elif keys:
        coin = next((coin for key in keys if key.origin and (coin := coin_of(key.origin[1])) is not None), None)
        chains, decided = chains_of(options, keys[0].key, coin)
        said += decided
    else:
        chains = [chain for chain in like_bitcoin if one.address is None or _has(chain, one.address)][:1] or like_bitcoin[:1]
    if not chains:
        raise InputError("an output descriptor is for Bitcoin and coins like it, and none is configured")
    if strange := next((chain for chain in chains if chain not in like_bitcoin), None):
        raise InputError(f"an output descriptor is for Bitcoin and coins like it, and {strange.id} is none of them")
    for key in keys:
        for chain in chains:
            check(chain, key.key)
    return chains


def _fixed(chain: Chain, source: str, one: Template) -> str:
    """The only address of a descriptor without a wildcard."""
    if one.address is None:
        return derive(chain, source, 0, 1)[0]
    try:
        return canonical(chain, one.address)
    except InputError as error:
        raise InputError(f"the address in the descriptor {error}") from None


def _has(chain: Chain, address: str) -> bool:
    try:
        return bool(canonical(chain, address))
    except InputError:
        return False


def _check(one: Template, chain: Chain) -> None:
    """Raise KeyFault unless the chain has such scripts, and the prefixes of the keys (SLIP-0132) agree with them."""
    if not family_of(chain).params(chain).hrps and any(function in SEGWIT for function in one.functions):
        raise KeyFault(f"{chain.id} has no segwit, and the descriptor is of such addresses")
    script, functions = _SCRIPTS.get(one.functions), "(".join(one.functions)
    for key in one.keys:
        kind = key.key.multisig or key.key.script
        other = script is not None and key.key.script not in (None, script)
        if other or (key.key.multisig and not functions.startswith(f"{key.key.multisig}(")):
            raise KeyFault(f"{key.key.named} is of {kind} addresses, and the descriptor is of others: one of the two is wrong")


def _branch(chain: Chain, source: str, one: Template, role: Role | None, options: Options) -> Branch:
    script, first = _SCRIPTS.get(one.functions), one.keys[0]
    multisig = any(function in MULTISIGS for function in one.functions)
    paths = {path_of(chain, key, key.paths[0], script) if key.ranged else None for key in one.keys}
    return branch(
        chain,
        source,
        options,
        role=role or Role.RECEIVE,
        style=BY_SCRIPT[script] if script else "multisig" if multisig else "miniscript" if "wsh" in one.functions else "script",
        path=paths.pop() if len(paths) == 1 else None,
        account=account_of(first),
    )


def _what(whole: Sequence[Template]) -> str:
    kinds = list(dict.fromkeys(one.kind for one in whole))
    return f"an output descriptor ({kinds[0]})" if len(whole) == 1 else f"output descriptors ({', '.join(kinds)})"
