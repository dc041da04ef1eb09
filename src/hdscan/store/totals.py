"""Exact sums of what is known, per chain and asset."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from hdscan.model.scan import AssetTotal
from hdscan.store.rows import Part
from hdscan.store.transaction import Transaction

_COUNT = "SELECT count(*) FROM balance b WHERE b.address_id >= :low AND b.address_id < :high"
_GAPPED = """
    SELECT g.asset_id, b.amount, b.witness_id FROM gap g
    LEFT JOIN balance b ON b.address_id = g.address_id AND b.asset_id = g.asset_id
    WHERE g.address_id >= :low AND g.address_id < :high"""
# those with a gap too are counted apart: of an earlier scan, which the last one could not settle
_DISPUTED = """
    SELECT d.asset_id, count(*), count(g.address_id) FROM dispute d
    LEFT JOIN gap g ON g.address_id = d.address_id AND g.asset_id = d.asset_id
    WHERE d.address_id >= :low AND d.address_id < :high"""
# a plus keeps SQLite to the index by asset
_OF_ASSET = " AND +b.address_id >= :low AND +b.address_id < :high"
_AMOUNTS = "SELECT b.amount FROM balance b WHERE b.asset_id = :asset AND b.amount <> '0'" + _OF_ASSET  # noqa: S608 own constant
# each amount once: most are "0"
_UNCONFIRMED = f"""
    SELECT b.unconfirmed, count(*) FROM balance b WHERE b.asset_id = :asset AND b.unconfirmed IS NOT NULL{_OF_ASSET}
        AND NOT EXISTS (SELECT 1 FROM gap g WHERE g.address_id = b.address_id AND g.asset_id = b.asset_id)"""  # noqa: S608 own constant
_FUNDED = """
    SELECT b.asset_id, b.witness_id, count(*) FROM balance b
    WHERE b.address_id >= :low AND b.address_id < :high AND b.amount <> '0'"""


def totals(transaction: Transaction, parts: Iterable[Part]) -> list[AssetTotal]:
    """Exact sums per asset: summed here, since no database adds integers of 256 bits."""
    found: list[AssetTotal] = []
    for part in parts:
        addressed = part.addresses
        if not addressed:  # as most chains: a question for each of their assets costs more than the rest of a short report
            found += [
                AssetTotal(part.chain.id, each.symbol, each.decimals, None, None, "0", 0, 0, 0, None)
                for each in part.assets.values()
            ]
            continue
        gapped: dict[int, list[str | None]] = defaultdict(list)  # by asset: what was known before, None where nothing was
        confirmed = _confirmed(transaction, part)
        for asset_id, amount, witness in part.select(transaction, _GAPPED, "g.address_id"):
            gapped[asset_id].append(amount)
            if amount is not None and transaction.operators(witness) > 1:
                confirmed[asset_id, amount != "0"] -= 1
        by_asset = part.select(transaction, _DISPUTED, "d.address_id", " GROUP BY d.asset_id")
        disputed = {key: (count, gaps) for key, count, gaps in by_asset}
        known = _known(transaction, part, addressed, gapped, sum(count - gaps for count, gaps in disputed.values()))
        for key, each in part.assets.items():
            stale = [int(amount) for amount in gapped[key] if amount is not None]
            amounts = [int(row.amount) for row in part.select(transaction, _AMOUNTS, "b.address_id", asset=key)]
            pending = part.select(transaction, _UNCONFIRMED, "b.address_id", " GROUP BY b.unconfirmed", asset=key)
            unconfirmed = [int(amount) * count for amount, count in pending]
            read = known[key] - len(stale)
            in_dispute, _ = disputed.get(key, (0, 0))
            found.append(
                AssetTotal(
                    chain=part.chain.id,
                    asset=each.symbol,
                    decimals=each.decimals,
                    amount=str(sum(amounts) - sum(stale)) if read else None,
                    unconfirmed=str(sum(unconfirmed)) if unconfirmed else None,
                    stale_amount=str(sum(stale)),
                    read=read,
                    stale=len(stale),
                    unread=addressed - known[key] - in_dispute,
                    funded=len(amounts) - sum(amount > 0 for amount in stale) if read else None,
                    disputed=in_dispute,
                    confirmed_funded=confirmed[key, True],
                    confirmed_zeros=confirmed[key, False],
                )
            )
    return found


def _confirmed(transaction: Transaction, part: Part) -> Counter[tuple[int, bool]]:
    """How many balances two operators said, by asset and whether they are above zero."""
    two = [key for key in transaction.witnesses if transaction.operators(key) > 1]
    found: Counter[tuple[int, bool]] = Counter()
    for asset, witness, count in part.select(transaction, _FUNDED, "b.address_id", " GROUP BY b.asset_id, b.witness_id"):
        found[asset, True] += count if witness in two else 0
    if two:  # all of them but the funded ones are zeros: no amount has to be looked at
        among = ", ".join(f"{key:d}" for key in two)
        said = part.select(transaction, _by_asset(part), "b.address_id", f" AND b.witness_id IN ({among})").one()
        found.update({(key, False): count - found[key, True] for key, count in zip(part.assets, said, strict=True)})
    return found


def _known(
    transaction: Transaction, part: Part, addressed: int, gapped: Mapping[int, list[str | None]], disputed: int
) -> Mapping[int, int]:
    """How many balances there are of each of a chain's current assets.

    Where every address has a balance or a gap of every asset that ever was registered, as after any whole scan, one plain
    count proves it, and the gaps tell the rest: less than half the time of counting by asset.
    """
    every = [key for key, each in transaction.assets.items() if each.chain == part.chain.id]
    missing = {key: sum(amount is None for amount in gapped[key]) for key in every}
    rows: int = part.select(transaction, _COUNT, "b.address_id").scalar_one()
    if not disputed and rows + sum(missing.values()) == addressed * len(every):
        return {key: addressed - missing[key] for key in part.assets}
    counts = part.select(transaction, _by_asset(part), "b.address_id").one()
    return dict(zip(part.assets, counts, strict=True))


def _by_asset(part: Part) -> str:
    counts = ", ".join(f"count(*) FILTER (WHERE b.asset_id = {key:d})" for key in part.assets)
    return _COUNT.replace("count(*)", counts)
