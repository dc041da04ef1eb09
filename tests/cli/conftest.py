"""hdscan as its users run it: in an empty home, against simulated hosts in another process.

Most tests call the command line within this process, which is 50 times as quick; those about signals, terminals and pipes
start one of its own.
"""

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest

from hdscan import cli
from hdscan.sim.faults import Rule
from hdscan.sim.host import Entry, HostSpec
from hdscan.sim.process import Config, Ready

DEADLINE = 60.0  # seconds after which a process that should have ended is killed, and its test fails

QUICK = """
[scan]
chunk = 20
request_timeout = 2.0
backoff_base = 0.1
backoff_max = 1.0
outage_limit = 20.0
breaker_cooldown = 1.0
"""

BTC = HostSpec(name="one", chain="btc", protocols=("esplora",), rate=400, burst=50, latency=0.002)
BSC = HostSpec(name="node", chain="bsc", protocols=("evm-rpc",), rate=200, burst=20, latency=0.002)
SOL = HostSpec(name="sol", chain="sol", protocols=("solana-rpc",), rate=100, burst=20, latency=0.002)


class Ended(msgspec.Struct, frozen=True):
    """How a command ended."""

    code: int
    out: str
    err: str


class Hdscan:
    """An empty home with an hdscan.toml; calling it runs hdscan there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.database = home / ".local" / "share" / "hdscan" / "hdscan.db"
        self.environ = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "PYTHONWARNINGS": "default::ResourceWarning,default::RuntimeWarning",
            "LANG": "C.UTF-8",
            "COLUMNS": "120",
        }

    def __call__(self, *arguments: str, stdin: str = "", **environ: str) -> Ended:
        """Run a command in this process."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        given = io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")
        with (
            mock.patch.dict(os.environ, self.environ | environ, clear=True),
            mock.patch.multiple(sys, stdin=given, stdout=out, stderr=err),
            contextlib.chdir(self.home),
        ):
            code = cli.run(arguments)
        return Ended(code, *(each.buffer.getvalue().decode() for each in (out, err)))  # type: ignore[attr-defined]

    def process(self, *arguments: str, stdin: str = "") -> Ended:
        """Run a command in a process of its own."""
        running = self.start(*arguments, stdin=subprocess.PIPE)
        return running.end(stdin)

    def ok(self, *arguments: str, stdin: str = "") -> str:
        """What it prints to stdout; it has to succeed."""
        done = self(*arguments, stdin=stdin)
        assert done.code == 0, done.err
        return done.out

    def json(self, *arguments: str) -> Any:
        """The JSON that it prints."""
        return msgspec.json.decode(self.ok(*arguments))

    def lines(self, *arguments: str) -> list[Any]:
        """The JSON lines that it prints."""
        return [msgspec.json.decode(line) for line in self.ok(*arguments).splitlines()]

    def start(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> "Running":
        """A process that goes on."""
        return Running([sys.executable, "-m", "hdscan", *arguments], self.home, self.environ, stdin)


class Running:
    """A process under way; killed after the deadline, so that no test waits for ever."""

    def __init__(self, command: list[str], home: Path, environ: dict[str, str], stdin: int) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=stdin, stdout=pipe, stderr=pipe, cwd=home, env=environ)
        self._watchdog = threading.Timer(DEADLINE, self.process.kill)
        self._watchdog.start()

    def until(self, found: Callable[[Any], bool]) -> Any:
        """Read JSON lines until one is as wanted."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            value = msgspec.json.decode(line)
            if found(value):
                return value
        raise AssertionError(f"it ended without that: {self.end()}")

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self, stdin: str | None = None) -> Ended:
        """Wait for the end; `out` is the rest of it."""
        out, err = self.process.communicate(None if stdin is None else stdin.encode())
        self._watchdog.cancel()
        ended = Ended(self.process.returncode, out.decode(), err.decode())
        assert "Traceback" not in ended.err, ended.err
        assert "Warning" not in ended.err, ended.err
        return ended

    def close(self) -> None:
        """End it, however it stands."""
        self._watchdog.cancel()
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


class Terminal:
    """hdscan with a terminal of `columns` for all three streams, as a person has it."""

    def __init__(self, hdscan: Hdscan, *arguments: str, columns: int = 80) -> None:
        self._master, slave = os.openpty()
        environ = hdscan.environ | {"TERM": "xterm-256color", "NO_COLOR": "1", "COLUMNS": str(columns)}
        command = [sys.executable, "-m", "hdscan", *arguments]
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=hdscan.home, env=environ, start_new_session=True
        )
        os.close(slave)
        self._watchdog = threading.Timer(DEADLINE, self._process.kill)
        self._watchdog.start()

    def answer(self, after: str, line: str) -> None:
        """Type a line once something was asked."""
        said = ""
        while after not in said:
            block = self._read()
            assert block, said
            said += block
        os.write(self._master, f"{line}\n".encode())

    def end(self) -> Ended:
        """Wait for the end; `out` is the rest of what the terminal shows."""
        said = ""
        while block := self._read():
            said += block
        os.close(self._master)
        code = self._process.wait()
        self._watchdog.cancel()
        return Ended(code, re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.replace("\r\n", "\n")), "")

    def _read(self) -> str:
        try:
            return os.read(self._master, 65536).decode()
        except OSError:  # Linux says so at the end of a terminal
            return ""


class Simulated:
    """The simulator's process, without an event loop here."""

    def __init__(self, config: Config) -> None:
        self.world = config.world()
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([sys.executable, "-m", "hdscan.sim"], stdin=pipe, stdout=pipe)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(config) + b"\n")
        self._process.stdin.flush()
        ready = msgspec.json.decode(self._process.stdout.readline(), type=Ready)
        self.endpoints, self.control = ready.endpoints, ready.control

    def heal(self) -> None:
        """Let everything go well from now on."""
        self.set_faults("none")

    def set_faults(self, faults: str | Mapping[str, tuple[Rule, ...]]) -> None:
        """Switch the faults of every host, as City.set_faults."""
        self._control_server("faults", msgspec.json.encode(faults))

    def reset(self) -> None:
        """Empty the logs and begin every host's time anew."""
        self._control_server("reset", b"")

    def log(self, host: str) -> list[Entry]:
        """One host's log."""
        return msgspec.json.decode(self._control_server(f"log?host={host}"), type=list[Entry])

    def _control_server(self, path: str, body: bytes | None = None) -> bytes:
        with urllib.request.urlopen(f"{self.control}/{path}", body, timeout=10) as reply:
            return bytes(reply.read())

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=10)

    def toml(self) -> str:
        """Its hosts as [[endpoint]] rows."""
        rows = []
        for each in self.endpoints:
            row = {"name": each.name, "chain": each.chain, "protocol": list(each.protocols), "url": each.url, "rate": each.rate}
            if each.tls != "system":
                row["tls"] = each.tls
            rows.append(
                "[[endpoint]]\n" + "".join(f"{key} = {msgspec.json.encode(value).decode()}\n" for key, value in row.items())
            )
        return QUICK + "\n".join(rows)


def simulation(hdscan: Hdscan, *hosts: HostSpec, addresses: int = 30, add: bool = True, **members: Any) -> Simulated:
    """Begin a simulation, write its hosts into a home's hdscan.toml, and add its addresses there; it is to be closed."""
    simulated = Simulated(Config(addresses=addresses, hosts=hosts, **members))
    (hdscan.home / "hdscan.toml").write_text(simulated.toml())
    for chain in {host.chain for host in hosts} if add else ():
        hdscan.ok("add", "--chain", chain, "-", stdin="\n".join(simulated.world[chain].addresses()))
    return simulated


@pytest.fixture
def hdscan(tmp_path: Path) -> Hdscan:
    """hdscan in an empty home, with nothing configured."""
    return Hdscan(tmp_path)


@pytest.fixture
def start(hdscan: Hdscan) -> Iterator[Callable[..., Running]]:
    """Start processes that are ended with the test."""
    begun: list[Running] = []

    def begin(*arguments: str) -> Running:
        begun.append(hdscan.start(*arguments))
        return begun[-1]

    yield begin
    for each in begun:
        each.close()


@pytest.fixture
def simulate(hdscan: Hdscan) -> Iterator[Callable[..., Simulated]]:
    """Begin simulations that end with the test."""
    begun: list[Simulated] = []

    def begin(*hosts: HostSpec, **members: Any) -> Simulated:
        begun.append(simulation(hdscan, *hosts, **members))
        return begun[-1]

    yield begin
    for each in begun:
        each.close()
