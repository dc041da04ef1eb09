"""Reads lists of addresses as people have them, one a line or CSV, and explains every bad line."""

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain as joined
from urllib.parse import parse_qsl

from hdscan.keys.address import Places, every_evm
from hdscan.keys.chain_names import ChainNames
from hdscan.keys.columns import DELIMITERS, TRANSACTION, Columns, columns_of, looks_like_address, split
from hdscan.keys.secret import recognise
from hdscan.model.chain import BadLine, Chain
from hdscan.model.errors import InputError
from hdscan.model.wallet import Listed

MAX_LINE = 10_000  # characters; bytes where lines are bytes
MAX_LABEL = 255  # characters (BIP-329); what is longer is cut

_SPECIAL = re.compile(r"[^0-9A-Za-z]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")  # what a web page or a chat puts in between
_BARE_HEX = re.compile(r"[0-9a-fA-F]{40}")
_PREFIXED = re.compile(r"([A-Za-z0-9][\w .+-]{0,31}):(?://)?(.*)", re.DOTALL)
_SEPARATOR = re.compile("sep=.", re.IGNORECASE)  # Excel's first line
_MAYBE_PUBLIC = re.compile(r"(?:0[xX])?[0-9a-fA-F]{64,128}|[1-9A-HJ-NP-Za-km-z]{86,88}")  # transactions' ids and signatures
_SHORTEST_SECRET = 40  # characters

_Address = tuple[str, Sequence[Chain] | None, str | None]  # as it stands there, the chains that it names, a URI's label


class Listing:
    """One reading of a list: `read` gives its addresses, and afterwards `what` and `said` tell what it was taken for.

    A line is an address, or the first line is the header of a CSV (comma, semicolon or tab) with a column of addresses, and
    perhaps of labels and of chains; without a header, a line may have one field with an address and another with its label. An
    address is plain, a URI (BIP-21, EIP-681), or has its chain as a prefix (EIP-3770). Blank lines, lines that begin with #,
    byte order marks, CRLF, and characters that cannot be seen do no harm; bytes are UTF-8, or UTF-16 with a byte order mark.
    """

    def __init__(self, configured: Sequence[Chain], chosen: Sequence[Chain] = ()) -> None:
        self._chosen, self._by_choice = tuple(chosen or configured), bool(chosen)
        self._places = Places(self._chosen)
        self._all_places = {self._chosen: self._places}
        self._names = ChainNames(configured)
        self._columns: Columns | None = None
        self._addresses = 0
        self._taken: Counter[str] = Counter()

    def read(self, lines: Iterable[str | bytes]) -> Iterator[Listed | BadLine]:
        """The addresses of every line, several where it is of several chains, or why the line has none."""
        begun = False
        for number, line in enumerate(_decoded(lines), 1):
            try:
                text = _text(line)
                if not text or text.lstrip()[:1] == "#" or not text.strip(' \t"' + DELIMITERS):
                    continue
                if not begun:
                    begun = not _SEPARATOR.fullmatch(text)
                    if not begun:
                        continue
                    self._columns = columns_of(text)
                    if self._columns:
                        continue
                address, ids, label = self._entry(text)
            except InputError as error:
                yield BadLine(number, str(error))
                continue
            self._addresses += 1
            for id_ in ids:
                yield Listed(id_, address, label)

    @property
    def what(self) -> str:
        """What it is, as in "a list of addresses"."""
        if self._columns:
            return f"a table of addresses (column `{self._columns.names[self._columns.address]}`)"
        return "an address" if self._addresses == 1 else "a list of addresses"

    @property
    def said(self) -> tuple[str, ...]:
        """What was decided for want of knowing, a sentence each."""
        taken = self._taken
        said = [every_evm(taken["evm"], self._places.evm)] if taken["evm"] and not self._by_choice else []
        for (first, *rest), count in self._places.shared.items():
            said.append(f"addresses ({count:,}) that {' and '.join(rest)} could have, too, are taken for {first}")
        if taken["hex"]:
            said.append(f"40 hexadecimal digits without 0x ({taken['hex']:,}) are taken for EVM addresses")
        if taken["uri"]:
            said.append(f"of URIs and prefixed addresses ({taken['uri']:,}) amounts and messages are left out")
        if self._columns:
            used = {"labels": self._columns.label, "chains": self._columns.chain}
            kinds = [f"{kind} are read from `{self._columns.names[at]}`" for kind, at in used.items() if at is not None]
            said += [f"{' and '.join(kinds)}"] if kinds else []
            if of := next((name for name in self._columns.names if name in TRANSACTION), None):
                said.append(f"these are addresses of transactions (column `{of}`): those that you paid to may be among them")
        elif self._taken["fields"]:
            said.append("there is no header: of two fields the one with an address was read, and the other is its label")
        return tuple(said)

    def _entry(self, text: str) -> tuple[str, tuple[str, ...], str | None]:
        """Address, the ids of its chains and its label; InputError."""
        if not self._columns and not _SPECIAL.search(text):
            return (*self._find(text, self._places), None)
        label: str | None = None
        named: Sequence[Chain] | None = None
        if self._columns:
            field, label, chain = _row(text, self._columns)
            if chain:
                named = self._chains(chain, "has a column of chains that")
        else:
            field, label = self._fields(text)
        address, prefixed, noted = self._address(field) if _SPECIAL.search(field) else (field, None, None)
        if named is not None and prefixed is not None and not set(prefixed) & set(named):
            raise InputError("has a prefix and a column of chains that name different chains")
        return (*self._find(address, self._places_of(prefixed if named is None else named)), _label(label or noted))

    def _find(self, text: str, places: Places) -> tuple[str, tuple[str, ...]]:
        if places.evm:
            if _BARE_HEX.fullmatch(text):
                self._taken["hex"] += 1
                text = f"0x{text}"
            elif text[:2] == "0X":
                text = f"0x{text[2:]}"
        address, ids = places.find(text)
        if len(ids) > 1:
            self._taken["evm"] += 1
        return address, ids

    def _fields(self, text: str) -> tuple[str, str | None]:
        """The field with the address, and another if there is just one."""
        for delimiter in DELIMITERS:
            if delimiter in text:
                fields = [field for each in split(text, delimiter) if (field := each.strip())]
                able = [field for field in fields if looks_like_address(_visible(field))]
                if len(fields) == 1:
                    return fields[0], None
                if len(able) == 1:
                    rest = [field for field in fields if field is not able[0]]
                    if secret := next((secret for field in rest if (secret := _private(field))), None):
                        raise InputError(f"has a field that {secret}")
                    if len(rest) == 1:
                        self._taken["fields"] += 1
                    return able[0], rest[0] if len(rest) == 1 else None
                if len(able) > 1:
                    raise InputError(recognise(text) or "holds several fields that may be addresses; give one a line")
        if any(delimiter in text for delimiter in DELIMITERS):
            several = "holds several fields and none is an address; a header names the column of addresses `address`"
            raise InputError(recognise(text) or several)
        return text.strip('"'), None

    def _address(self, field: str) -> _Address:
        """What stands in a field without what surrounds it."""
        text = _visible(field).strip("\"' ")
        found = _PREFIXED.fullmatch(text) if ":" in text else None
        if not found:
            return text, None, None
        self._taken["uri"] += 1
        scheme, rest = found[1].lower(), found[2]
        text, _, query = rest.partition("?")
        label = None
        if query:
            try:
                label = dict(parse_qsl(query, max_num_fields=100)).get("label")
            except ValueError:
                raise InputError("is a URI with too many parts") from None
        if scheme == "ethereum":  # EIP-681
            text, _, number = text.removeprefix("pay-").partition("@")
            if "/" in text + number:
                raise InputError("is a request to call a contract (EIP-681), not an address")
            chains = self._chains(number, "is a URI that") if number else self._chains("evm", "is a URI that")
        elif scheme == "eip155":  # CAIP-10
            number, _, text = text.partition(":")
            chains = self._chains(number, "has a prefix that")
        else:
            chains = self._chains(scheme, "has a prefix that")
        return text, chains, label

    def _chains(self, name: str, where: str) -> tuple[Chain, ...]:
        found = self._names.find(name)
        if not found:
            raise InputError(f"{where} names no chain that is configured")
        if not (chosen := tuple(chain for chain in found if chain in self._chosen)):
            raise InputError(f"{where} names {found[0].id}, which --chain leaves out")
        return chosen

    def _places_of(self, chains: Sequence[Chain] | None) -> Places:
        if chains is None:
            return self._places
        key = tuple(chains)
        if key not in self._all_places:
            self._all_places[key] = Places(key)
        return self._all_places[key]


def _text(line: str | bytes) -> str:
    if len(line) > MAX_LINE:
        raise InputError(f"is longer than {MAX_LINE:,} characters")
    try:
        text = line.decode() if isinstance(line, bytes) else line
        if not text.isascii():
            text.encode()  # a file opened with errors="surrogateescape"
            text = text.replace("\u00a0", " ").replace("\u202f", " ")
    except UnicodeError:
        raise InputError("is not UTF-8 text") from None
    return text.strip("\ufeff\r\n ")  # a tab may be an empty first field


def _visible(field: str) -> str:
    return field if field.isascii() else _INVISIBLE.sub("", field).strip()


def _row(text: str, columns: Columns) -> tuple[str, str | None, str | None]:
    """The fields of address, label and chain; InputError where there is no address, or a secret."""
    fields = split(text, columns.delimiter)
    if len(text) - len(fields[0]) > _SHORTEST_SECRET or columns.private:
        _refuse_secrets(fields, columns)
    count, label, chain = len(fields), columns.label, columns.chain
    address = fields[columns.address].strip() if columns.address < count else ""
    if not address:
        raise InputError(f"has nothing in the column `{columns.names[columns.address]}`")
    return (
        address,
        fields[label].strip() if label is not None and label < count else None,
        fields[chain].strip() if chain is not None and chain < count else None,
    )


def _refuse_secrets(fields: Sequence[str], columns: Columns) -> None:
    for position, field in enumerate(fields):
        if position in columns.private and field.strip():
            raise InputError(
                f"has something in the column `{columns.names[position]}`: hdscan needs no secrets; "
                "keep them away from programs that only watch"
            )
        known = position == columns.address or (position != columns.label and _MAYBE_PUBLIC.fullmatch(field.strip()))
        if not known and (secret := _private(field)):
            raise InputError(f"has a field that {secret}")


def _private(field: str) -> str | None:
    return recognise(field) if len(field) > _SHORTEST_SECRET else None


def _label(text: str | None) -> str | None:
    if not text:
        return None
    if secret := _private(text):
        raise InputError(f"has a label that {secret}")
    return text[:MAX_LABEL]


def _decoded(lines: Iterable[str | bytes]) -> Iterator[str | bytes]:
    """The lines; those of UTF-16, which a file cuts after the wrong byte, are put together again."""
    rest = iter(lines)
    first = next(rest, None)
    if first is None:
        return iter(())
    lines = joined((first,), rest)
    if isinstance(first, bytes) and first[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return _utf16(lines)
    return iter(lines)


def _utf16(lines: Iterable[str | bytes]) -> Iterator[str | bytes]:
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    begun = ""
    for piece in lines:
        begun += decoder.decode(piece) if isinstance(piece, bytes) else piece
        *whole, begun = begun.split("\n")
        yield from whole
        begun = begun[: MAX_LINE + 1]  # of too long a line
    yield begun
