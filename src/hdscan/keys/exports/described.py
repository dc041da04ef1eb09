"""JSON files that hold descriptors: Specter, Fully Noded, BDK, Nunchuk, Liana and what else names them so."""

from hdscan.keys.descriptor import of_descriptor
from hdscan.keys.exports.lines import grouped
from hdscan.keys.exports.origin import GivenOut
from hdscan.keys.exports.record import Record
from hdscan.keys.options import Options
from hdscan.model.errors import InputError
from hdscan.model.wallet import Found

_RECEIVE = ("descriptor", "recv_descriptor", "receive_descriptor", "external_descriptor", "receiveDescriptor", "external")
_CHANGE = ("change_descriptor", "internal_descriptor", "changeDescriptor", "internal")
_NAMES = ("label", "name", "alias", "wallet_name")
_LISTS = ("descriptors", "receive", "internal")  # HWI's getdescriptors has the latter two
_MOST_WALLETS = 100


def read(record: Record, options: Options) -> list[Found] | None:
    """The wallet of a descriptor and, where it stands apart, the one of its change; of a backup, one for each account."""
    if not any(isinstance(record.data.get(key), str) for key in _RECEIVE):
        return _backup(record, options) or _lists(record, options)
    record = Record(_named(record), record.data)
    texts = [record.text(*_RECEIVE), *([record.text(*_CHANGE)] if record.maybe(*_CHANGE) else [])]
    return [_wallet(record, texts, record.name(*_NAMES), options)]


def read_all(data: object, options: Options) -> list[Found] | None:
    """The wallets of a list of such objects, as of Specter Desktop."""
    if not isinstance(data, list) or not data or not all(isinstance(each, dict) for each in data):
        return None
    records = Record("a list of wallets with descriptors", {"": data}).records("")
    if not all(any(isinstance(record.data.get(key), str) for key in _RECEIVE) for record in records):
        return None
    if len(records) > _MOST_WALLETS:
        raise InputError(f"{records[0].what}: has more than {_MOST_WALLETS:,}")
    return [found for record in records for found in read(record, options) or ()]


def _wallet(record: Record, texts: list[str], name: str | None, options: Options) -> Found:
    receive, change = max(record.count("address_index"), record.count("receive_index")), record.count("change_index")
    given_out = GivenOut(receive + 1 if receive else 0, change + 1 if change else 0)
    return given_out.wallet(lambda own: of_descriptor("\n".join(texts), own, name=name, what=record.what), options)


def _named(record: Record) -> str:
    if "recv_descriptor" in record or "blockheight" in record:
        return "a Specter wallet file"
    return "a JSON file with a descriptor"


def _backup(record: Record, options: Options) -> list[Found] | None:
    accounts = record.data.get("accounts")
    if not isinstance(accounts, list) or not any(isinstance(each, dict) and "descriptor" in each for each in accounts):
        return None
    record = Record("a wallet backup with descriptors (as of Liana)", record.data)
    found = []
    if len(accounts) > _MOST_WALLETS:
        raise record.fault("accounts", f"has more than {_MOST_WALLETS:,} entries")
    for account in record.records("accounts"):
        if "descriptor" in account:
            name = account.name(*_NAMES) or record.name(*_NAMES)
            found.append(_wallet(account, [account.text("descriptor")], name, options))
    return found


def _lists(record: Record, options: Options) -> list[Found] | None:
    """A wallet for each pair of the descriptors that stand in lists."""
    lists = [record.data.get(key) for key in _LISTS]
    texts = [text for each in lists if isinstance(each, list) for text in each if isinstance(text, str)]
    what = "a JSON file with descriptors"
    return [of_descriptor("\n".join(group), options, what=what) for group in grouped(texts)] or None
