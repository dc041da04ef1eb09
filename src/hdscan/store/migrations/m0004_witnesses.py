"""Who said an amount, and in which scan a second operator last did; audits without a minimum, and what audits cost."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table and columns; what was read until now is the word of its source."""
    op.create_table(
        "witness",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_witness")),
        sa.UniqueConstraint("sources", name=op.f("uq_witness_sources")),
    )
    op.execute("INSERT INTO witness (sources) SELECT '[' || id || ']' FROM source ORDER BY id")
    for table in ("balance", "earlier"):
        op.add_column(table, sa.Column("witness_id", sa.Integer(), nullable=True))
        op.add_column(table, sa.Column("confirmed_in", sa.Integer(), nullable=True))
        op.execute(
            f"UPDATE {table} SET witness_id ="  # noqa: S608 own constant
            " (SELECT w.id FROM witness w WHERE w.sources = '[' || source_id || ']')"
        )
    op.execute("""
        UPDATE balance SET confirmed_in = scan_id WHERE EXISTS (
            SELECT 1 FROM audit u WHERE u.address_id = balance.address_id AND u.asset_id = balance.asset_id
                AND u.scan_id = balance.scan_id AND u.observed_at = balance.observed_at AND u.outcome <> 'unaudited'
        )
    """)
    op.rename_table("scan_audit", "former_audit")
    op.create_table(
        "scan_audit",
        sa.Column("scan_id", sa.Integer(), nullable=False),
        sa.Column("chain", sa.SmallInteger(), nullable=False),
        sa.Column("percent", sa.Float(precision=53), nullable=True),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("audited", sa.BigInteger(), nullable=False),
        sa.Column("disputed", sa.BigInteger(), nullable=False),
        sa.Column("unaudited", sa.BigInteger(), nullable=False),
        sa.Column("audit_requests", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["scan_id", "chain"], ["scan_chain.scan_id", "scan_chain.chain"], name=op.f("fk_scan_audit_scan_id_chain")
        ),
        sa.PrimaryKeyConstraint("scan_id", "chain", name=op.f("pk_scan_audit")),
        sqlite_with_rowid=False,
    )
    op.execute("""
        INSERT INTO scan_audit (scan_id, chain, percent, seed, audited, disputed, unaudited, audit_requests)
        SELECT scan_id, chain, percent, seed, audited, disputed, unaudited, 0 FROM former_audit
    """)
    op.drop_table("former_audit")
    op.execute("""
        INSERT INTO scan_audit (scan_id, chain, percent, seed, audited, disputed, unaudited, audit_requests)
        SELECT scan_id, chain, NULL, CAST(abs(random()) / 1024 AS BIGINT), 0, 0, 0, 0 FROM scan_chain c
        WHERE NOT EXISTS (SELECT 1 FROM scan_audit a WHERE a.scan_id = c.scan_id AND a.chain = c.chain)
    """)
