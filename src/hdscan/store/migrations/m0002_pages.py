"""Indexes for pages and totals, without the many zeros of a wallet."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the indexes."""
    op.create_index(
        "ix_balance_amount",
        "balance",
        ["asset_id", sa.text("length(amount)"), "amount", "address_id"],
        sqlite_where=sa.text("amount <> '0'"),
        postgresql_where=sa.text("amount <> '0'"),
    )
    op.create_index(
        "ix_balance_funded",
        "balance",
        ["address_id", "asset_id"],
        sqlite_where=sa.text("amount <> '0'"),
        postgresql_where=sa.text("amount <> '0'"),
    )
    op.create_index(
        "ix_balance_unconfirmed",
        "balance",
        ["asset_id", "unconfirmed"],
        sqlite_where=sa.text("unconfirmed IS NOT NULL"),
        postgresql_where=sa.text("unconfirmed IS NOT NULL"),
    )
