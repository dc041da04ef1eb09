"""The one place where the pool awaits: makes the calls that `ChainPool.step` decides and reports how they ended."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import assert_never

import structlog

from hdscan.model.chain import Asset
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import Reading
from hdscan.pool.actions import Actions, BlockHashCall, Call, Halt, ProveCall, ReadCall, TipCall, TokenCall
from hdscan.pool.chain_pool import ChainPool

_log = structlog.get_logger()


class Driver:
    """Runs one ChainPool; `deliver` is given all actions with something in them, in order."""

    def __init__(self, pool: ChainPool, clock: Callable[[], float], deliver: Callable[[Actions], None]) -> None:
        self.pool = pool
        self._clock = clock
        self._deliver = deliver
        self._news = asyncio.Event()
        self._defect: BaseException | None = None
        self._tasks: dict[asyncio.Task[None], Call] = {}

    def submit(
        self, job: int, readings: Sequence[Reading], *, budget_free: bool = False, excluded: frozenset[str] = frozenset()
    ) -> None:
        """Hand in readings; their results come by `deliver`."""
        self.pool.submit(job, readings, budget_free=budget_free, excluded=excluded)
        self._news.set()

    def withdraw(self, jobs: Collection[int], since: int = 0) -> None:
        """Ask on about nothing of these jobs, or of their addresses from an index on."""
        self.pool.withdraw(jobs, since)
        self._news.set()

    def begin_final_check(self) -> None:
        self.pool.begin_final_check(self._clock())
        self._news.set()

    def begin_token_proof(self, assets: Iterable[Asset]) -> None:
        self.pool.begin_token_proof(assets)
        self._news.set()

    async def run(self) -> Halt:
        """Work until the chain cannot go on; cancel it to end earlier. Calls in flight are then given up, neutrally."""
        try:
            while True:
                self._news.clear()
                if self._defect is not None:
                    raise self._defect
                actions = self.pool.step(self._clock())
                for call in actions.calls:
                    task = asyncio.create_task(self._perform(call))
                    self._tasks[task] = call
                    task.add_done_callback(self._done)
                if actions.ended or actions.events or actions.halt:
                    self._deliver(actions)
                if actions.halt is not None:
                    return actions.halt
                await self._wait(actions.wake_at)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._deliver(self.pool.rest())  # what came in since the last step

    async def _wait(self, wake_at: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(None if wake_at is None else wake_at - self._clock()):
                await self._news.wait()

    async def _perform(self, call: Call) -> None:
        provider, replies = call.upstream.provider, self.pool.replies
        answered: Callable[[float], None]
        try:
            match call:
                case ReadCall():
                    answered = partial(replies.replied, call, await provider.read(call.readings, call.height))
                case ProveCall():
                    answered = partial(replies.named_head, call, await provider.prove())
                case TipCall():
                    answered = partial(replies.named_head, call, await provider.tip())
                case BlockHashCall():
                    answered = partial(replies.named_block, call, await provider.block_hash(call.height))
                case TokenCall():
                    answered = partial(replies.told, call, await provider.tokens(call.assets))
                case _:
                    assert_never(call)
        except CallError as error:
            answered = partial(replies.failed, call, error)
        except Exception as error:
            # a defect of a provider's code must cost its readings a provider, never the scan
            _log.exception("provider_defect", provider=call.upstream.name)
            text = f"{call.upstream.name}: a defect in hdscan ({type(error).__name__}); see the log"
            answered = partial(replies.failed, call, CallError(ReadCode.MALFORMED, text))
        answered(self._clock())
        self._news.set()

    def _done(self, task: asyncio.Task[None]) -> None:
        call = self._tasks.pop(task)
        if task.cancelled():  # also before it began
            self.pool.replies.cancelled(call)
        elif error := task.exception():
            self._defect = error
            self._news.set()
