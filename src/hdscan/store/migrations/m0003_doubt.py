"""Audits: what of a scan is to be asked again, how that ended, what is disputed, and which attempts failed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "scan_audit",
        sa.Column("scan_id", sa.Integer(), nullable=False),
        sa.Column("chain", sa.SmallInteger(), nullable=False),
        sa.Column("percent", sa.Float(precision=53), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("audited", sa.BigInteger(), nullable=False),
        sa.Column("disputed", sa.BigInteger(), nullable=False),
        sa.Column("unaudited", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["scan_id", "chain"], ["scan_chain.scan_id", "scan_chain.chain"], name=op.f("fk_scan_audit_scan_id_chain")
        ),
        sa.PrimaryKeyConstraint("scan_id", "chain", name=op.f("pk_scan_audit")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit",
        sa.Column("address_id", sa.BigInteger(), nullable=False),
        sa.Column("asset_id", sa.Integer(), nullable=False),
        sa.Column("scan_id", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("observed_at", sa.Float(precision=53), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["address_id"], ["address.id"], name=op.f("fk_audit_address_id")),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_audit_asset_id")),
        sa.ForeignKeyConstraint(["scan_id"], ["scan.id"], name=op.f("fk_audit_scan_id")),
        sa.PrimaryKeyConstraint("address_id", "asset_id", name=op.f("pk_audit")),
        sqlite_with_rowid=False,
    )
    for name, column in (("dispute", "answers"), ("attempt", "failed")):
        op.create_table(
            name,
            sa.Column("address_id", sa.BigInteger(), nullable=False),
            sa.Column("asset_id", sa.Integer(), nullable=False),
            sa.Column("scan_id", sa.Integer(), nullable=False),
            sa.Column(column, sa.Text(), nullable=False),
            sa.ForeignKeyConstraint(["address_id"], ["address.id"], name=op.f(f"fk_{name}_address_id")),
            sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f(f"fk_{name}_asset_id")),
            sa.ForeignKeyConstraint(["scan_id"], ["scan.id"], name=op.f(f"fk_{name}_scan_id")),
            sa.PrimaryKeyConstraint("address_id", "asset_id", name=op.f(f"pk_{name}")),
            sqlite_with_rowid=False,
        )
