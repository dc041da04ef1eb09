"""Large replies, each the worst of its kind, are refused with little time and memory."""

import json
import time
import tracemalloc

import pytest

from tests.fuzz.replies import TARGETS

LARGE = 2 * 2**20  # bytes; four times as much is let in
SECONDS = 1.5  # of this thread; what is not linear takes minutes
TIMES = 100  # bytes of memory per byte of a reply: a list of small things in Python, and no copy of a copy of it


def whole(begin: bytes, part: bytes, end: bytes, size: int) -> bytes:
    return begin + part * ((size - len(begin) - len(end)) // len(part)) + end


BODIES = {
    "deep lists": lambda size: b"[" * size,
    "deep objects": lambda size: whole(b"", b'{"a":', b"", size),
    "a deep error": lambda size: b'{"id":1,"error":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a number": lambda size: b"9" * size,
    "a number for an id": lambda size: whole(b'[{"id":', b"9", b"}]", size),
    "a fraction": lambda size: whole(b"0.", b"1", b"", size),
    "digits as a text": lambda size: whole(b'{"status":"1","result":"', b"9", b'"}', size),
    "small numbers": lambda size: whole(b"[", b"0,", b"0]", size),
    "small lists": lambda size: whole(b"[", b"[],", b"0]", size),
    "empty objects": lambda size: whole(b"[", b"{},", b"{}]", size),
    "errors": lambda size: whole(b"[", b'{"error":1},', b"{}]", size),
    "members": lambda size: b"{" + b",".join(b'"%x":0' % number for number in range(size // 12)) + b"}",
    "a text of markup": lambda size: whole(b'{"id":1,"error":{"message":"', b"<script", b'"}}', size),
    "a text of open markup": lambda size: whole(b'{"id":1,"error":{"message":"', b"<", b'"}}', size),
    "a text of blanks": lambda size: whole(b'{"id":1,"error":"', b" ", b'"}', size),
    "a text of escapes": lambda size: whole(b'{"id":1,"error":{"message":"', b"\\u0000", b'"}}', size),
    "a page of markup": lambda size: whole(b"<html>", b"<style", b"", size),
    "an error of lists": lambda size: whole(b'{"id":1,"error":[', b"[],", b"0]}", size),
    "accounts": lambda size: whole(b'{"status":"1","result":[', b'{"account":"","balance":""},', b"{}]}", size),
    "no accounts": lambda size: whole(b'{"id":1,"result":{"context":{"slot":1},"value":[', b"null,", b"null]}}", size),
    "invalid UTF-8": lambda size: whole(b'{"id":1,"error":"', b"\xff", b'"}', size),
    "lone surrogates": lambda size: whole(b'{"id":1,"error":"', b"\\ud800", b'"}', size),
}


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("name", BODIES)
def test_large_replies_take_little_time(name: str, status: int) -> None:
    data = (b"" if status == 200 else b"HTTP 500\n\n") + BODIES[name](LARGE)
    for target in TARGETS:
        began = time.thread_time()
        target.run(data)
        assert time.thread_time() - began < SECONDS, target.name


@pytest.mark.parametrize("name", BODIES)
def test_large_replies_take_little_memory(name: str) -> None:
    data = BODIES[name](LARGE // 4)
    tracemalloc.start()
    try:
        for target in TARGETS:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            target.run(data)
            assert (tracemalloc.get_traced_memory()[1] - before) / len(data) < TIMES, target.name
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("deep", [10, 500, 900, 990, 995, 998, 999, 1000, 1001, 1010, 100_000])
def test_a_reply_of_any_depth_is_read_or_refused(deep: int) -> None:
    nested = "[" * deep + "]" * deep
    for text in (nested, json.dumps({"id": 1, "error": "x"}).replace('"x"', nested), f'{{"result":{nested}}}'):
        for target in TARGETS:
            target.run(text.encode())
