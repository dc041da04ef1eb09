"""The tables that the migrations have to make.

Amounts are decimal text (wei passes 2^63), times unix seconds. A row exists only for what was read: no balance row means
"never read" (or, with a row in `dispute`, that operators disagree), never zero.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Table

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite makes only an INTEGER primary key the row's own number
RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

meta = Table("meta", metadata, Column("name", sa.Text, primary_key=True), Column("value", sa.Text, nullable=False))

chain = Table(
    "chain",
    metadata,
    Column("number", sa.SmallInteger, primary_key=True, autoincrement=False),  # in order of registration, from 1
    Column("id", sa.Text, nullable=False, unique=True),
)

address = Table(
    "address",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=False),  # chain << 32 | index, without holes
    Column("chain", sa.SmallInteger, sa.ForeignKey("chain.number"), nullable=False),
    Column("text", sa.Text, nullable=False),
    Column("path", sa.Text),
    sa.UniqueConstraint("chain", "text"),
)

# a token whose contract or decimals changed is another asset: amounts of two contracts never mix
asset = Table(
    "asset",
    metadata,
    Column("id", sa.Integer, primary_key=True),
    Column("chain", sa.SmallInteger, sa.ForeignKey("chain.number"), nullable=False),
    Column("symbol", sa.Text, nullable=False),
    Column("contract", sa.Text, nullable=False),  # "" for the native coin, which keeps the unique constraint tight
    Column("decimals", sa.SmallInteger, nullable=False),
    sa.UniqueConstraint("chain", "symbol", "contract", "decimals"),
)

source = Table(
    "source", metadata, Column("id", sa.Integer, primary_key=True), Column("name", sa.Text, nullable=False, unique=True)
)

# a set of providers: a JSON list of the ids of sources, in order
witness = Table(
    "witness", metadata, Column("id", sa.Integer, primary_key=True), Column("sources", sa.Text, nullable=False, unique=True)
)

scan = Table("scan", metadata, Column("id", sa.Integer, primary_key=True), Column("began_at", sa.Float(53), nullable=False))

scan_chain = Table(
    "scan_chain",
    metadata,
    Column("scan_id", sa.Integer, sa.ForeignKey("scan.id"), primary_key=True),
    Column("chain", sa.SmallInteger, sa.ForeignKey("chain.number"), primary_key=True),
    Column("status", sa.Text, nullable=False),
    Column("assets", sa.Text, nullable=False),  # JSON list of asset ids, in the plan's order
    *(Column(name, sa.BigInteger, nullable=False) for name in ("addresses", "readings", "read", "unread", "funded")),
    Column("seconds", sa.Float(53), nullable=False),
    Column("requests", sa.BigInteger, nullable=False),
    Column("error", sa.Text),
    Column("updated_at", sa.Float(53), nullable=False),
    Column("wallets", sa.Text),  # JSON list of the ids of those that it covers
    Column("open_ends", sa.BigInteger),  # branches whose end it could not find
    sa.CheckConstraint("read >= 0 AND unread >= 0 AND funded >= 0 AND read + unread <= readings", name="totals"),
    sqlite_with_rowid=False,
)

chunk = Table(
    "chunk",
    metadata,
    Column("scan_id", sa.Integer, primary_key=True),
    Column("chain", sa.SmallInteger, primary_key=True),
    Column("seq", sa.Integer, primary_key=True),
    Column("first", sa.BigInteger, nullable=False),
    Column("stop", sa.BigInteger, nullable=False),
    Column("done_at", sa.Float(53)),
    Column("worker", sa.Text),
    sa.ForeignKeyConstraint(["scan_id", "chain"], ["scan_chain.scan_id", "scan_chain.chain"]),
    sqlite_with_rowid=False,
)


def _of_readings(name: str, *columns: Column[Any], without_scan: bool = False) -> Table:
    """A table with at most one row per reading, each written by a scan."""
    return Table(
        name,
        metadata,
        Column("address_id", sa.BigInteger, sa.ForeignKey("address.id"), primary_key=True),
        Column("asset_id", sa.Integer, sa.ForeignKey("asset.id"), primary_key=True),
        Column("scan_id", sa.Integer, sa.ForeignKey("scan.id"), nullable=without_scan),
        *columns,
        sqlite_with_rowid=False,
    )


def _amounts(name: str) -> Table:
    return _of_readings(
        name,
        Column("amount", sa.Text, nullable=False),
        Column("unconfirmed", sa.Text),
        Column("height", sa.BigInteger),
        Column("observed_at", sa.Float(53), nullable=False),
        Column("source_id", sa.Integer, sa.ForeignKey("source.id"), nullable=False),
        Column("witness_id", sa.Integer),  # who said this amount in the scan that read it
        Column("confirmed_in", sa.Integer),  # the scan in which two operators did
        Column("used", sa.SmallInteger),  # 1 where the address ever had a transaction, 0 where it had none, NULL: not known
        Column("used_by", sa.Integer),  # the source that said so; NULL: source_id
    )


balance = _amounts("balance")
# A wallet's many zeros cost a commit nothing: they are in none of these indexes, except Bitcoin's, whose unconfirmed amount is
# stated. Decimal text sorts by amount when sorted by length first.
_funded, _pending = sa.text("amount <> '0'"), sa.text("unconfirmed IS NOT NULL")
_of = balance.c
_by_amount = (_of.asset_id, sa.func.length(_of.amount), _of.amount, _of.address_id)
sa.Index("ix_balance_amount", *_by_amount, sqlite_where=_funded, postgresql_where=_funded)
sa.Index("ix_balance_funded", _of.address_id, _of.asset_id, sqlite_where=_funded, postgresql_where=_funded)
sa.Index("ix_balance_unconfirmed", _of.asset_id, _of.unconfirmed, sqlite_where=_pending, postgresql_where=_pending)

# a balance as it was before its present scan replaced it: restored when that scan's answer is retracted
earlier = _amounts("earlier")

# scan_id is the scan whose totals count the gap; null: none does, since its chunk is not done
gap = _of_readings(
    "gap",
    Column("code", sa.Text, nullable=False),
    Column("error", sa.Text, nullable=False),
    Column("attempts", sa.Integer, nullable=False),
    Column("providers", sa.Text, nullable=False),  # JSON object: provider name -> reason
    without_scan=True,
)

# that a chain's scan is to be audited, and how far it is: counts of readings
scan_audit = Table(
    "scan_audit",
    metadata,
    Column("scan_id", sa.Integer, primary_key=True),
    Column("chain", sa.SmallInteger, primary_key=True),
    Column("percent", sa.Float(53)),  # of the zeros at least; NULL without a minimum
    Column("seed", sa.BigInteger, nullable=False),
    *(Column(name, sa.BigInteger, nullable=False) for name in ("audited", "disputed", "unaudited", "audit_requests")),
    sa.ForeignKeyConstraint(["scan_id", "chain"], ["scan_chain.scan_id", "scan_chain.chain"]),
    sqlite_with_rowid=False,
)

# how the last audit of a reading ended; observed_at is the audited balance's: of a later balance the audit says nothing
audit = _of_readings(
    "audit",
    Column("outcome", sa.Text, nullable=False),
    Column("observed_at", sa.Float(53)),
    Column("error", sa.Text),
    Column("answers", sa.Text, nullable=False),  # JSON list, in the order asked
)

# a disputed reading has no balance: it is here with all answers (JSON list) until it is read anew
dispute = _of_readings("dispute", Column("answers", sa.Text, nullable=False))
# what failed before a reading ended (JSON list), in the last scan of its chain alone
attempt = _of_readings("attempt", Column("failed", sa.Text, nullable=False))

# what an address holds of tokens that are not listed (JSON object: contract or mint -> base units), as one reply says; that of
# the scan before stays beside the latest one, which may be retracted
unlisted = Table(
    "unlisted",
    metadata,
    Column("address_id", sa.BigInteger, sa.ForeignKey("address.id"), primary_key=True),
    Column("scan_id", sa.Integer, sa.ForeignKey("scan.id"), primary_key=True),
    Column("amounts", sa.Text, nullable=False),
    Column("left_out", sa.BigInteger, nullable=False),
    Column("height", sa.BigInteger),
    Column("observed_at", sa.Float(53), nullable=False),
    Column("source_id", sa.Integer, sa.ForeignKey("source.id"), nullable=False),
    sqlite_with_rowid=False,
)

# ids are never given twice: a scan remembers those of its wallets
wallet = Table(
    "wallet",
    metadata,
    Column("id", sa.Integer, primary_key=True),
    Column("name", sa.Text, nullable=False, unique=True),
    Column("kind", sa.Text, nullable=False),
    Column("added_at", sa.Float(53), nullable=False),
    sqlite_autoincrement=True,
)

branch = Table(
    "branch",
    metadata,
    Column("id", sa.Integer, primary_key=True),
    Column("wallet_id", sa.Integer, sa.ForeignKey("wallet.id"), nullable=False, index=True),
    Column("chain", sa.SmallInteger, sa.ForeignKey("chain.number"), nullable=False),
    *(Column(name, sa.Text, nullable=False) for name in ("role", "style")),
    Column("account", sa.Integer, nullable=False),
    Column("path", sa.Text),  # {} in place of the position
    Column("source", sa.Text),  # what addresses are derived from: never in an error; NULL: no more can be
    Column("gap", sa.Integer, nullable=False),
    Column("dormant", sa.SmallInteger, nullable=False),
    Column("length", sa.BigInteger, nullable=False),  # addresses so far
    Column("open_end", sa.Text),  # NULL unless the last scan could not find the end; then what can be done, or ""
    sqlite_autoincrement=True,
)

# addresses first <= id < stop belong to a wallet, and to a branch from `position` on; a list of a million is one row
member = Table(
    "member",
    metadata,
    Column("id", sa.Integer, primary_key=True),
    Column("wallet_id", sa.Integer, sa.ForeignKey("wallet.id"), nullable=False),
    Column("branch_id", sa.Integer, sa.ForeignKey("branch.id")),
    Column("chain", sa.SmallInteger, sa.ForeignKey("chain.number"), nullable=False),
    *(Column(name, sa.BigInteger, nullable=False) for name in ("first", "stop", "position")),
    sa.Index("ix_member_first", "first"),
    sa.Index("ix_member_wallet_id_first", "wallet_id", "first"),
    sa.Index("ix_member_branch_id_position", "branch_id", "position"),
)

label = Table(
    "label",
    metadata,
    Column("address_id", RowId, sa.ForeignKey("address.id"), primary_key=True, autoincrement=False),
    Column("text", sa.Text, nullable=False),
)

memory = Table("memory", metadata, Column("name", sa.Text, primary_key=True), Column("value", sa.LargeBinary, nullable=False))

provider = Table("provider", metadata, Column("name", sa.Text, primary_key=True), Column("status", sa.Text, nullable=False))
