"""What goes over the wire: the request line and headers, on connections that are kept, and nothing twice."""

import asyncio
from contextlib import suppress

import pytest

from hdscan.model.errors import CallError, ReadCode
from hdscan.provider.transport import AioTransport
from hdscan.wire.http import Request, Response
from tests.provider.server import Asked, Server, endpoint, http, serving


def ask(server: Server, *requests: Request, base: str = "") -> list[Response]:
    """The replies to requests that are sent one after another to a path below the server's URL."""

    async def run() -> list[Response]:
        async with serving(server.handler) as served, AioTransport(2.0) as transport:
            server.asked, server.talks = served.asked, served.talks
            row = endpoint("esplora", served.url + base)
            return [await transport.send(row, request) for request in requests]

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("base", "request_", "target"),
    [
        ("", Request(), "/"),
        ("/", Request(path="/x"), "/x"),
        ("?apikey=k", Request(), "/?apikey=k"),
        ("/api?chainid=1&apikey=k%2Fx", Request(query={"chainid": "56"}), "/api?apikey=k%2Fx&chainid=56"),
        ("/api/", Request(path="/x", query={"a": "1,2 3"}), "/api/x?a=1,2+3"),
    ],
)
def test_path_and_query_follow_those_of_the_base(base: str, request_: Request, target: str) -> None:
    server = Server(lambda _: http("x"))
    ask(server, request_, base=base)
    assert server.asked[0].target == target


def test_a_connection_is_kept_and_its_replies_stay_apart() -> None:
    server = Server(lambda asked: http(asked.body))
    replies = ask(server, *(Request(body=bytes([65 + number]) * 99_999) for number in range(5)))
    assert [reply.body[:1] for reply in replies] == [b"A", b"B", b"C", b"D", b"E"]
    assert len(server.talks) == 1


def test_a_connection_is_not_kept_where_the_reply_says_so() -> None:
    server = Server(lambda _: http("x", Connection="close"))
    assert len(ask(server, Request(), Request())) == 2
    assert len(server.talks) == 2


def test_a_reply_without_a_length_lasts_until_the_connection_ends() -> None:
    server = Server(lambda _: b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwhole")
    assert ask(server, Request())[0].body == b"whole"


def test_a_get_whose_kept_connection_broke_is_not_repeated() -> None:
    replies = iter([http("first"), b"", http("third")])
    server = Server(lambda _: next(replies))
    with pytest.raises(CallError):
        ask(server, Request(), Request())
    assert len(server.asked) == 2


def test_an_interim_reply_is_not_the_reply() -> None:
    server = Server(lambda _: b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + http("the reply"))
    reply = ask(server, Request())[0]
    assert (reply.status, reply.body) == (200, b"the reply")


def test_a_request_line_holds_nothing_but_one_request() -> None:
    server = Server(lambda _: http("x"))
    for path in ("/x\r\nX-Other: 1", "/x HTTP/1.1"):
        with pytest.raises(CallError) as caught:
            ask(server, Request(path=path))
        assert caught.value.fault is ReadCode.UNREACHABLE
        assert server.asked == []


def test_sent_is_called_when_the_request_goes_out() -> None:
    story: list[str] = []

    def handler(_: Asked) -> bytes:
        story.append("asked")
        return http("x")

    async def run() -> None:
        async with serving(handler) as server, AioTransport(2.0) as transport:
            row = endpoint("esplora", server.url)
            await transport.send(row, Request(), lambda: story.append("sent"))

        async with AioTransport(2.0) as transport:
            with pytest.raises(CallError):
                await transport.send(row, Request(), lambda: story.append("never"))

    asyncio.run(run())
    assert story == ["sent", "asked"]


@pytest.mark.parametrize("stray", [http("0"), http("too slow", 408)], ids=["another's", "408"])
def test_what_comes_in_while_nobody_asks_is_not_the_next_reply(stray: bytes) -> None:
    """Balancers end an idle connection with a 408, and proxies mix replies up."""
    writers: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                writer.write(http(head.split(b" ")[1]))
        writer.close()

    async def run() -> list[bytes]:
        listener = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with listener, serving(lambda _: http("x")) as other, AioTransport(2.0) as transport:
            row = endpoint("esplora", f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
            first = await transport.send(row, Request(path="/first"))
            writers[0].write(stray)
            await transport.send(endpoint("esplora", other.url), Request())  # by then it has come in
            return [first.body, (await transport.send(row, Request(path="/second"))).body]

    assert asyncio.run(run()) == [b"/first", b"/second"]
    assert len(writers) == 2
