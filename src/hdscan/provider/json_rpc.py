"""A provider that speaks JSON-RPC over HTTP."""

from collections.abc import Sequence

import msgspec

from hdscan.provider.remote import Remote
from hdscan.wire import jsonrpc
from hdscan.wire.failure import Codes


class JsonRpc(Remote):
    """Asks for one call or a batch in one request; `codes` are the host's own errors."""

    codes: Codes

    async def call(self, call: jsonrpc.Call) -> msgspec.Raw:
        """The result of one call, whose error is raised as CallError."""
        batch = jsonrpc.encode([call])
        return jsonrpc.single(await self.ask(batch.request), batch, self.codes)

    async def answers(self, calls: Sequence[jsonrpc.Call]) -> list[jsonrpc.Answer]:
        """A result or error for each call."""
        batch = jsonrpc.encode(calls)
        return jsonrpc.decode(await self.ask(batch.request), batch, self.codes)
