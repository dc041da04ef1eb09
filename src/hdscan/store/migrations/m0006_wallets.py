"""Wallets: named sources of addresses, with the branches that a scan extends; labels; and whether an address is used."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

IMPORTED = "imported"  # the wallet of the addresses that there are


def upgrade() -> None:
    """Make the tables and columns; the addresses that there are become a wallet."""
    op.create_table(
        "wallet",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("added_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet")),
        sa.UniqueConstraint("name", name=op.f("uq_wallet_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "branch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("wallet_id", sa.Integer(), nullable=False),
        sa.Column("chain", sa.SmallInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("style", sa.Text(), nullable=False),
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("gap", sa.Integer(), nullable=False),
        sa.Column("dormant", sa.SmallInteger(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("open_end", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["chain"], ["chain.number"], name=op.f("fk_branch_chain")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.id"], name=op.f("fk_branch_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_branch")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_branch_wallet_id", "branch", ["wallet_id"])
    op.create_table(
        "member",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("wallet_id", sa.Integer(), nullable=False),
        sa.Column("branch_id", sa.Integer(), nullable=True),
        sa.Column("chain", sa.SmallInteger(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("stop", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["branch_id"], ["branch.id"], name=op.f("fk_member_branch_id")),
        sa.ForeignKeyConstraint(["chain"], ["chain.number"], name=op.f("fk_member_chain")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.id"], name=op.f("fk_member_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member")),
    )
    op.create_index("ix_member_first", "member", ["first"])
    op.create_index("ix_member_wallet_id_first", "member", ["wallet_id", "first"])
    op.create_index("ix_member_branch_id_position", "member", ["branch_id", "position"])
    op.create_table(
        "label",
        sa.Column("address_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["address_id"], ["address.id"], name=op.f("fk_label_address_id")),
        sa.PrimaryKeyConstraint("address_id", name=op.f("pk_label")),
    )
    for table in ("balance", "earlier"):
        op.add_column(table, sa.Column("used", sa.SmallInteger(), nullable=True))
        op.add_column(table, sa.Column("used_by", sa.Integer(), nullable=True))
        op.execute(f"UPDATE {table} SET used = 1 WHERE amount <> '0' OR unconfirmed <> '0'")  # noqa: S608 own constant
    op.add_column("scan_chain", sa.Column("wallets", sa.Text(), nullable=True))
    op.add_column("scan_chain", sa.Column("open_ends", sa.BigInteger(), nullable=True))
    here = op.get_bind()
    if here.execute(sa.text("SELECT 1 FROM address LIMIT 1")).first():
        made = "INSERT INTO wallet (name, kind, added_at) VALUES (:name, 'addresses', :now)"
        here.execute(sa.text(made), {"name": IMPORTED, "now": time.time()})
        op.execute("""
            INSERT INTO member (wallet_id, chain, first, stop, position)
            SELECT (SELECT id FROM wallet), chain, min(id), max(id) + 1, 0 FROM address GROUP BY chain
        """)
        op.execute("UPDATE scan_chain SET wallets = (SELECT '[' || id || ']' FROM wallet)")
