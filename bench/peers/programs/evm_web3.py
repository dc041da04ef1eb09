"""Native coin and tokens of addresses by Multicall3 with web3.py: URL, contracts, file of addresses -> totals as JSON."""

import asyncio
import json
import sys
from pathlib import Path

from web3 import AsyncHTTPProvider, AsyncWeb3

MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"
CALL3 = [{"name": "target", "type": "address"}, {"name": "allowFailure", "type": "bool"}, {"name": "callData", "type": "bytes"}]
RESULT = [{"name": "success", "type": "bool"}, {"name": "returnData", "type": "bytes"}]
ABI = [
    {
        "name": "aggregate3",
        "type": "function",
        "stateMutability": "payable",
        "inputs": [{"name": "calls", "type": "tuple[]", "components": CALL3}],
        "outputs": [{"name": "returnData", "type": "tuple[]", "components": RESULT}],
    }
]
GET_ETH_BALANCE, BALANCE_OF = bytes.fromhex("4d2301cc"), bytes.fromhex("70a08231")
TOGETHER, IN_FLIGHT = 500, 8


async def main(url: str, contracts: list[str], addresses: list[str]) -> None:
    web3 = AsyncWeb3(AsyncHTTPProvider(url))
    multicall = web3.eth.contract(address=MULTICALL3, abi=ABI)
    calls = []
    for address in addresses:
        argument = bytes.fromhex(address[2:]).rjust(32, b"\0")
        calls.append((MULTICALL3, True, GET_ETH_BALANCE + argument))
        calls += [(contract, True, BALANCE_OF + argument) for contract in contracts]
    amounts = [0] * len(calls)
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def read(first: int) -> None:
        async with gate:
            results = await multicall.functions.aggregate3(calls[first : first + TOGETHER]).call()
        for at, (success, data) in enumerate(results, first):
            assert success
            assert len(data) == 32
            amounts[at] = int.from_bytes(data, "big")

    await asyncio.gather(*(read(first) for first in range(0, len(calls), TOGETHER)))
    await web3.provider.disconnect()
    assets = 1 + len(contracts)
    print(json.dumps([str(sum(amounts[at::assets])) for at in range(assets)]))


asyncio.run(main(sys.argv[1], sys.argv[2].split(","), Path(sys.argv[3]).read_text().split()))
