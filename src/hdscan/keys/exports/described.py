"""JSON files that hold descriptors: Specter, Fully Noded, BDK, Nunchuk, Liana and what else names them so."""

from hdscan.keys.descriptor import of_descriptor
from hdscan.keys.exports.origin import reaching
from hdscan.keys.exports.record import Record
from hdscan.keys.options import Options
from hdscan.model.wallet import Found

_RECEIVE = ("descriptor", "recv_descriptor", "receive_descriptor", "external_descriptor", "receiveDescriptor", "external")
_CHANGE = ("change_descriptor", "internal_descriptor", "changeDescriptor", "internal")
_NAMES = ("label", "name", "alias", "wallet_name")
_MOST_ACCOUNTS = 100


def read(record: Record, options: Options) -> list[Found] | None:
    """The wallet of a descriptor and, where it stands apart, the one of its change; of a backup, one for each account."""
    if not any(isinstance(record.data.get(key), str) for key in _RECEIVE):
        return _backup(record, options)
    record = Record(_named(record), record.data)
    texts = [record.text(*_RECEIVE), *([record.text(*_CHANGE)] if record.maybe(*_CHANGE) else [])]
    known = max(record.count(key) for key in ("address_index", "change_index", "receive_index"))
    own = reaching(options, known + 1 if known else 0)
    return [of_descriptor("\n".join(texts), own, name=record.name(*_NAMES), what=record.what)]


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
    for account in record.records("accounts")[:_MOST_ACCOUNTS]:
        if "descriptor" in account:
            known = max(account.count("receive_index"), account.count("change_index"))
            name = account.name(*_NAMES) or record.name(*_NAMES)
            own = reaching(options, known + 1 if known else 0)
            found.append(of_descriptor(account.text("descriptor"), own, name=name, what=record.what))
    return found
