"""Runs a target over mutated inputs, and keeps those that led somewhere new as beginnings of others."""

import random
import time
import traceback
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from tests.fuzz.mutate import mutate
from tests.fuzz.target import SLOW, Target


class Found(msgspec.Struct, frozen=True):
    """An input on which a target failed, and how."""

    target: str
    data: bytes
    why: str


def attempt(target: Target, data: bytes) -> str | Found:
    """The word for where an input led, or what went wrong."""
    began = time.thread_time()
    try:
        outcome = target.run(data)
    except Exception as error:
        return Found(target.name, data, "".join(traceback.format_exception(error)[-3:]))
    spent = time.thread_time() - began
    return Found(target.name, data, f"{spent:.1f} s for {len(data)} bytes") if spent > SLOW else outcome


def fuzz(target: Target, seed: int, kept: Path | None = None, go_on: Callable[[int], bool] = lambda _: True) -> Iterator[Found]:
    """Try inputs while `go_on` says so, given how many were tried; `kept` is a directory that the new ones are added to."""
    dice = random.Random(f"{seed}/{target.name}")
    earlier = [path.read_bytes() for path in sorted(kept.iterdir())] if kept else []
    pool = [*target.corpus, *earlier]
    seen = set()
    for data in pool:
        outcome = attempt(target, data)
        if isinstance(outcome, Found):
            yield outcome
        seen.add(outcome)
    tried = 0
    while go_on(tried):
        tried += 1
        data = mutate(dice.choice(pool), dice, pool, target.most)
        outcome = attempt(target, data)
        if isinstance(outcome, Found):
            yield outcome
        elif outcome not in seen:
            seen.add(outcome)
            pool.append(data)
            keep(kept, data)


def keep(place: Path | None, data: bytes) -> Path | None:
    """Write an input under a name of its own."""
    if place is None:
        return None
    path = place / sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return path


def smaller(found: Found, target: Target) -> Found:
    """The same failure with less of its input: parts are left out while it goes on failing."""
    data, part = found.data, max(1, len(found.data) // 2)
    until = time.monotonic() + 20
    while part and time.monotonic() < until:
        at = 0
        while at < len(data) and time.monotonic() < until:
            less = data[:at] + data[at + part :]
            again = attempt(target, less)
            if isinstance(again, Found) and again.why.splitlines()[-1][:40] == found.why.splitlines()[-1][:40]:
                data, found = less, again
            else:
                at += part
        part //= 2
    return found
