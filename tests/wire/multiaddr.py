"""A reply in the form of blockchain.info: one transaction in the mempool, and two in blocks."""

from typing import Any

UNUSED, SAVED, SENT, COMING = NAMES = ("1Unused", "1Saved", "3Sent", "bc1qcoming")


def address(name: str, received: int = 0, sent: int = 0, count: int = 0) -> dict[str, Any]:
    return {"address": name, "final_balance": received - sent, "n_tx": count, "total_received": received, "total_sent": sent}


def transaction(name: str, height: int | None, spent: dict[str, int], paid: dict[str, int]) -> dict[str, Any]:
    coins = [{"prev_out": {"addr": to, "value": value}} for to, value in spent.items()]
    out = [{"addr": to, "value": value} for to, value in paid.items()]
    return {"hash": name, "inputs": coins, "out": out, "block_height": height}


GOOD: dict[str, Any] = {
    "addresses": [address(COMING, 70, 0, 1), address(SENT, 500, 500, 2), address(SAVED, 1000, 0, 1), address(UNUSED)],
    "wallet": {"final_balance": 1070, "n_tx": 4, "n_tx_filtered": 4, "total_received": 1570, "total_sent": 500},
    "txs": [
        transaction("d", None, {SENT: 500, "1Other": 20}, {COMING: 70, "1Other": 449}),
        transaction("c", 900_000, {"1Other": 1000}, {SAVED: 1000, "1Other": 0}),
        transaction("b", 899_000, {}, {SENT: 500}),
    ],
    "info": {"conversion": 1.0e8, "symbol_local": {"conversion": "+inf"}, "latest_block": {"hash": "00", "height": 930_000}},
}
