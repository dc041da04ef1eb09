"""Native coin and tokens of addresses with solana-py: URL, mint:program, …, file of addresses -> totals as JSON."""

import asyncio
import json
import sys
from pathlib import Path

from solana.rpc.async_api import AsyncClient
from solders.pubkey import Pubkey
from solders.token.associated import get_associated_token_address

TOGETHER, IN_FLIGHT = 100, 8


async def main(url: str, mints: list[list[Pubkey]], owners: list[Pubkey]) -> None:
    async with AsyncClient(url) as client:
        keys = []
        for owner in owners:
            keys += [owner, *(get_associated_token_address(owner, mint, program) for mint, program in mints)]
        amounts = [0] * len(keys)
        assets = 1 + len(mints)
        gate = asyncio.Semaphore(IN_FLIGHT)

        async def read(first: int) -> None:
            async with gate:
                reply = await client.get_multiple_accounts(keys[first : first + TOGETHER])
            for at, account in enumerate(reply.value, first):
                if account is not None:
                    native = at % assets == 0
                    amounts[at] = account.lamports if native else int.from_bytes(account.data[64:72], "little")

        await asyncio.gather(*(read(first) for first in range(0, len(keys), TOGETHER)))
    print(json.dumps([str(sum(amounts[at::assets])) for at in range(assets)]))


mints = [[Pubkey.from_string(text) for text in pair.split(":")] for pair in sys.argv[2].split(",")]
asyncio.run(main(sys.argv[1], mints, [Pubkey.from_string(text) for text in Path(sys.argv[3]).read_text().split()]))
