"""Electrum's wallet files, from 2.0 on: standard, multisig and imported ones; of seeds and private keys nothing is read.

Source: electrum/wallet_db.py and the files of its tests. A file ends with JSON patches (RFC 6902) since 4.5.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from hdscan.chains import Script
from hdscan.keys.account import of_key
from hdscan.keys.exports.multisig import BOTH, Policy, of_policy
from hdscan.keys.exports.origin import GivenOut, check_first, with_origin
from hdscan.keys.exports.places import FileAddresses
from hdscan.keys.exports.record import Record, clean, clean_label, load
from hdscan.keys.extended import parse
from hdscan.keys.options import Options
from hdscan.model.errors import InputError
from hdscan.model.wallet import Found, Label, WalletKind

_WHAT = "an Electrum wallet file"
_FORMS = {"xpub": "p2sh", "tpub": "p2sh", "Ypub": "p2sh-p2wsh", "Upub": "p2sh-p2wsh", "Zpub": "p2wsh", "Vpub": "p2wsh"}
_TWO_FACTOR = "2fa"  # of three keys, of which the service holds one


def read(data: object, rest: str, options: Options) -> list[Found] | None:
    """The wallet of a file, or one for each account of an old one; `rest` is what follows the first JSON value."""
    if not isinstance(data, dict) or not {"wallet_type", "seed_version", "master_public_keys"} & set(data):
        return None
    record = Record(_WHAT, _patched(data, rest))
    kind = record.maybe("wallet_type") or "standard"
    wallets = _wallets(record, kind, options)
    if not wallets:
        raise InputError(f"{_WHAT}: has neither an extended public key nor an address that hdscan can read")
    return [_labelled(found, record, options) for found in wallets]


def _wallets(record: Record, kind: str, options: Options) -> list[Found]:
    if "master_public_keys" in record:
        return _old(record, kind, options)
    if kind == _TWO_FACTOR or re.fullmatch(r"\d{1,2}of\d{1,2}", kind):
        threshold, total = (2, 3) if kind == _TWO_FACTOR else (int(part) for part in kind.split("of"))
        keystores = [record.record(f"x{number}/") for number in range(1, total + 1) if f"x{number}/" in record]
        if kind != _TWO_FACTOR or len(keystores) == total:
            return [_checked(record, lambda own: _of_keys(keystores, threshold, total, own), options)]
    elif "keystore" in record:
        keystore = record.record("keystore")
        if "xpub" in keystore:
            return [_checked(record, lambda own: _single(keystore, own), options)]
    return _addresses(record, options)


def _checked(record: Record, make: Callable[[Options], Found], options: Options) -> Found:
    """A wallet with all addresses that the file lists, the first of which has to be the derived one."""
    receive, change = (*_listed(record), [], [])[:2]
    found = GivenOut(len(receive), len(change), record.count("gap_limit")).wallet(make, options)
    if receive:
        check_first(_WHAT, found, receive[0], options)
    return found


def _single(keystore: Record, options: Options) -> Found:
    """A wallet with one key, whose script its prefix says: an Electrum xpub is of P2PKH."""
    key = keystore.text("xpub")
    script = parse(key).script or Script.P2PKH
    expression = with_origin(_WHAT, key, _fingerprint(keystore), keystore.maybe("derivation"))
    return of_key(f"{expression}/{BOTH}", options, script=script, name=keystore.name("label"), what=_WHAT)


def _of_keys(keystores: list[Record], threshold: int, total: int, options: Options) -> Found:
    keys = [each.text("xpub") for each in keystores]
    forms = {_FORMS.get(parse(key).prefix, "") for key in keys}
    if len(forms) > 1:
        raise InputError(f"{_WHAT}: its keys are of several kinds of script")
    signers = [
        with_origin(_WHAT, key, _fingerprint(each), each.maybe("derivation")) for key, each in zip(keys, keystores, strict=True)
    ]
    policy = Policy(form=next(iter(forms), ""), threshold=threshold, total=total, signers=tuple(signers))
    return of_policy(_WHAT, policy, options, None)


def _fingerprint(keystore: Record) -> str | None:
    """That of the master key; Coldcard's plugin wrote it as a little-endian number."""
    if "ckcc_xfp" in keystore and "root_fingerprint" not in keystore:
        return keystore.number("ckcc_xfp", 0, (1 << 32) - 1).to_bytes(4, "little").hex()
    return keystore.maybe("root_fingerprint")


def _old(record: Record, kind: str, options: Options) -> list[Found]:
    """Files of 2.0 to 2.6: master keys by name, and accounts by number where a hardware wallet has several."""
    keys = record.record("master_public_keys")
    if signers := re.fullmatch(r"(\d{1,2})of(\d{1,2})", kind):
        names = [f"x{number}/" for number in range(1, int(signers[2]) + 1)]
        each = [Record(_WHAT, {"xpub": keys.text(name)}) for name in names]
        return [_of_keys(each, int(signers[1]), int(signers[2]), options)]
    names = [name for name in keys.data if re.fullmatch(r"x/(\d{1,3}')?", name)]
    labels = record.data.get("labels")
    found = []
    for name in names:
        label = labels.get(name[2:-1]) if isinstance(labels, Mapping) and len(name) > 2 else None
        account = clean(label) if isinstance(label, str) else None
        found.append(of_key(f"{keys.text(name)}/{BOTH}", options, script=Script.P2PKH, name=account, what=_WHAT))
    return found


def _addresses(record: Record, options: Options) -> list[Found]:
    """The addresses that a file lists, where no key is in it that gives them."""
    texts = dict.fromkeys(text for addresses in _listed(record) for text in addresses)
    addresses = FileAddresses(options)
    places = [addresses.find(text) for text in texts]
    entries = [entry for each in places for entry in each]
    if texts and not entries:
        raise InputError(f"{_WHAT}: no configured chain has its addresses; --chain says which is meant")
    what = f"{_WHAT} with addresses alone"
    said = ["no key in it gives more addresses than it lists", *addresses.said]
    if strange := places.count([]):
        said.append(f"left out: {strange:,} of its {len(texts):,} addresses, which no configured chain has")
    return [Found(kind=WalletKind.ADDRESSES, what=what, listed=tuple(entries), said=tuple(said))] if entries else []


def _listed(record: Record) -> Iterator[list[str]]:
    """The receiving and change addresses, or all, as every version lists them."""
    addresses = record.data.get("addresses")
    parts: list[Any] = [addresses]
    if isinstance(addresses, Mapping) and {"receiving", "change"} & set(addresses):
        parts = [addresses.get("receiving"), addresses.get("change")]
    elif addresses is None and isinstance(accounts := record.data.get("accounts"), Mapping):
        parts = [each.get("imported") for each in accounts.values() if isinstance(each, Mapping)]
    for part in parts:
        if isinstance(part, list | Mapping):
            yield [text for text in part if isinstance(text, str)]


def _labelled(found: Found, record: Record, options: Options) -> Found:
    labels = record.data.get("labels")
    if not isinstance(labels, Mapping):
        return found
    addresses = FileAddresses(options)
    texts = ((addresses.find(ref), clean_label(text)) for ref, text in labels.items() if isinstance(text, str))
    kept = tuple(Label(entries[0].address, text) for entries, text in texts if entries and text)
    return msgspec.structs.replace(found, labels=kept)


def _patched(data: dict[str, Any], rest: str) -> dict[str, Any]:
    """The file with the changes of its addresses and labels that were appended to it."""
    if not rest:
        return data
    if not rest.startswith(","):
        raise InputError(f"{_WHAT}: something that does not belong there follows its end")
    patches, _ = load(f"[{rest.strip(', ' + chr(10))}]")
    for patch in patches:
        path = str(patch.get("path")).split("/")[1:] if isinstance(patch, dict) else []
        if len(path) in (2, 3) and path[0] in ("addresses", "labels"):
            _apply(data.setdefault(path[0], {}), path[1:], patch)
    return data


def _apply(target: Any, path: list[str], patch: dict[str, Any]) -> None:
    """One change: an entry is added, replaced or removed; what it does not fit is left alone."""
    if len(path) > 1:
        target, path = target.get(path[0]) if isinstance(target, dict) else None, path[1:]
    if isinstance(target, list) and patch.get("op") == "add":
        target.append(patch.get("value"))
    elif isinstance(target, dict) and patch.get("op") == "remove":
        target.pop(path[0], None)
    elif isinstance(target, dict):
        target[path[0]] = patch.get("value")
