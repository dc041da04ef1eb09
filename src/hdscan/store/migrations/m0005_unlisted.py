"""What addresses hold of tokens that are not listed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "unlisted",
        sa.Column("address_id", sa.BigInteger(), nullable=False),
        sa.Column("scan_id", sa.Integer(), nullable=False),
        sa.Column("amounts", sa.Text(), nullable=False),
        sa.Column("left_out", sa.BigInteger(), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=True),
        sa.Column("observed_at", sa.Float(precision=53), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["address_id"], ["address.id"], name=op.f("fk_unlisted_address_id")),
        sa.ForeignKeyConstraint(["scan_id"], ["scan.id"], name=op.f("fk_unlisted_scan_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_unlisted_source_id")),
        sa.PrimaryKeyConstraint("address_id", "scan_id", name=op.f("pk_unlisted")),
        sqlite_with_rowid=False,
    )
