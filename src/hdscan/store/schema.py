"""The tables as the migrations make them; nothing imports this at run time, since making them costs 30 ms.

Amounts are decimal text (wei passes 2^63), times unix seconds. A row exists only for what was read: no balance row means
"never read" (or, with a row in `dispute`, that operators disagree), never zero.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite makes only an INTEGER primary key the row's own number
RowId = BigInteger().with_variant(Integer(), "sqlite")

meta = Table("meta", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

chain = Table(
    "chain",
    metadata,
    Column("number", SmallInteger, primary_key=True, autoincrement=False),  # in order of registration, from 1
    Column("id", Text, nullable=False, unique=True),
)

address = Table(
    "address",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=False),  # chain << 32 | index, without holes
    Column("chain", SmallInteger, ForeignKey("chain.number"), nullable=False),
    Column("text", Text, nullable=False),
    Column("path", Text),
    UniqueConstraint("chain", "text"),
)

# a token whose contract or decimals changed is another asset: amounts of two contracts never mix
asset = Table(
    "asset",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("chain", SmallInteger, ForeignKey("chain.number"), nullable=False),
    Column("symbol", Text, nullable=False),
    Column("contract", Text, nullable=False),  # "" for the native coin, which keeps the unique constraint tight
    Column("decimals", SmallInteger, nullable=False),
    UniqueConstraint("chain", "symbol", "contract", "decimals"),
)

source = Table("source", metadata, Column("id", Integer, primary_key=True), Column("name", Text, nullable=False, unique=True))

scan = Table("scan", metadata, Column("id", Integer, primary_key=True), Column("began_at", Float(53), nullable=False))

scan_chain = Table(
    "scan_chain",
    metadata,
    Column("scan_id", Integer, ForeignKey("scan.id"), primary_key=True),
    Column("chain", SmallInteger, ForeignKey("chain.number"), primary_key=True),
    Column("status", Text, nullable=False),
    Column("assets", Text, nullable=False),  # JSON list of asset ids, in the plan's order
    Column("addresses", BigInteger, nullable=False),
    Column("readings", BigInteger, nullable=False),
    Column("read", BigInteger, nullable=False),
    Column("unread", BigInteger, nullable=False),
    Column("funded", BigInteger, nullable=False),
    Column("seconds", Float(53), nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("error", Text),
    Column("updated_at", Float(53), nullable=False),
    CheckConstraint("read >= 0 AND unread >= 0 AND funded >= 0 AND read + unread <= readings", name="totals"),
    sqlite_with_rowid=False,
)

chunk = Table(
    "chunk",
    metadata,
    Column("scan_id", Integer, primary_key=True),
    Column("chain", SmallInteger, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("stop", BigInteger, nullable=False),
    Column("done_at", Float(53)),
    Column("worker", Text),
    ForeignKeyConstraint(["scan_id", "chain"], ["scan_chain.scan_id", "scan_chain.chain"]),
    sqlite_with_rowid=False,
)


def _of_readings(name: str, *columns: Column[Any]) -> Table:
    """A table with at most one row per reading."""
    return Table(
        name,
        metadata,
        Column("address_id", BigInteger, ForeignKey("address.id"), primary_key=True),
        Column("asset_id", Integer, ForeignKey("asset.id"), primary_key=True),
        *columns,
        sqlite_with_rowid=False,
    )


def _scan_id(*, nullable: bool = False) -> Column[Any]:
    return Column("scan_id", Integer, ForeignKey("scan.id"), nullable=nullable)


def _amounts(name: str) -> Table:
    return _of_readings(
        name,
        Column("amount", Text, nullable=False),
        Column("unconfirmed", Text),
        Column("height", BigInteger),
        Column("observed_at", Float(53), nullable=False),
        Column("source_id", Integer, ForeignKey("source.id"), nullable=False),
        _scan_id(),
    )


balance = _amounts("balance")
# A wallet's many zeros cost a commit nothing: they are in none of these indexes, except Bitcoin's, whose unconfirmed amount is
# stated. Decimal text sorts by amount when sorted by length first.
_funded, _pending = text("amount <> '0'"), text("unconfirmed IS NOT NULL")
_of = balance.c
_by_amount = (_of.asset_id, func.length(_of.amount), _of.amount, _of.address_id)
Index("ix_balance_amount", *_by_amount, sqlite_where=_funded, postgresql_where=_funded)
Index("ix_balance_funded", _of.address_id, _of.asset_id, sqlite_where=_funded, postgresql_where=_funded)
Index("ix_balance_unconfirmed", _of.asset_id, _of.unconfirmed, sqlite_where=_pending, postgresql_where=_pending)

# a balance as it was before its present scan replaced it: restored when that scan's answer is retracted
earlier = _amounts("earlier")

# scan_id is the scan whose totals count the gap; null: none does, since its chunk is not done
gap = _of_readings(
    "gap",
    _scan_id(nullable=True),
    Column("code", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("providers", Text, nullable=False),  # JSON object: provider name -> reason
)

# that a chain's scan is to be audited, and how far it is: counts of readings
scan_audit = Table(
    "scan_audit",
    metadata,
    Column("scan_id", Integer, primary_key=True),
    Column("chain", SmallInteger, primary_key=True),
    Column("percent", Float(53), nullable=False),  # of the zeros
    Column("seed", BigInteger, nullable=False),
    Column("audited", BigInteger, nullable=False),
    Column("disputed", BigInteger, nullable=False),
    Column("unaudited", BigInteger, nullable=False),
    ForeignKeyConstraint(["scan_id", "chain"], ["scan_chain.scan_id", "scan_chain.chain"]),
    sqlite_with_rowid=False,
)

# how the last audit of a reading ended; observed_at is the audited balance's: of a later balance the audit says nothing
audit = _of_readings(
    "audit",
    _scan_id(),
    Column("outcome", Text, nullable=False),
    Column("observed_at", Float(53)),
    Column("error", Text),
    Column("answers", Text, nullable=False),  # JSON list, in the order asked
)

# a disputed reading has no balance: it is here with all answers (JSON list) until it is read anew
dispute = _of_readings("dispute", _scan_id(), Column("answers", Text, nullable=False))
# what failed before a reading ended (JSON list), in the last scan of its chain alone
attempt = _of_readings("attempt", _scan_id(), Column("failed", Text, nullable=False))

memory = Table("memory", metadata, Column("name", Text, primary_key=True), Column("value", LargeBinary, nullable=False))

provider = Table("provider", metadata, Column("name", Text, primary_key=True), Column("status", Text, nullable=False))
