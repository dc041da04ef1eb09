"""What README.md and docs/ show is true: every command runs, the snippets run, and nothing of the command line is left out.

The commands of a page run one after the other in one shell, in an empty home, against simulated hosts.
"""

import asyncio
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer

import hdscan
from hdscan.app import wallet
from hdscan.app.demo import DemoReport
from hdscan.app.doctor import Checkup
from hdscan.app.tokens import Token
from hdscan.cli import app, lazy
from hdscan.cli.addresses import Derived
from hdscan.cli.reports import StatusRow
from hdscan.model import events
from hdscan.model.chain import Asset
from hdscan.model.endpoint import Endpoint
from hdscan.model.errors import ReadCode
from hdscan.model.explain import Explained
from hdscan.model.forecast import ChainEntry, Forecast
from hdscan.model.scan import BalanceRow, Gap, ProviderState, ProviderStatus, ScanResult, UnlistedRow
from hdscan.model.wallet import AddedWallet, AddressRow, WalletRow
from hdscan.pool.port import Provider
from hdscan.settings import load
from hdscan.settings.load import Places
from hdscan.sim.chains import BSC, BTC, SOL, evm_chain
from hdscan.sim.host import HostSpec
from hdscan.sim.process import Config
from tests.cli.conftest import Simulated
from tests.nodes.process import free_port

ROOT = Path(__file__).parent.parent
PAGES = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]}
CLI, PROVIDERS = PAGES["docs/cli.md"], PAGES["docs/providers.md"]
LINEA = evm_chain(59144, "linea", "ETH", {"USDT": ("0xA219439258ca9da29E9Cc4cE5596924745e12B93", 6)})
CHAINS = (BTC, BSC, SOL, LINEA)
UNKNOWN = (  # tokens that the pages add
    Asset("bsc", "TWT", 18, "0x4B0F1812e5Df2A09796481Ff14017e6005508003"),
    Asset("bsc", "DAI", 18, "0x1AF3F329e8BE154074D8769D1FFa4eE058B1DBc3"),
    Asset("sol", "HNT", 8, "hntyVP6YFm1Hg25TN9WGLqM12b8TQmcknKrdu1oxWux"),
)
EVM = ("evm-multicall", "evm-rpc")
HOSTS = tuple(  # they bear all pages at once, each at the rate that they publish
    HostSpec(name=f"{chain}-host", chain=chain, protocols=protocols, rate=500, hidden_rate=1e6, burst=1e3, latency=0.002)
    for chain, protocols in {"btc": ("esplora",), "bsc": EVM, "sol": ("solana-rpc",), "linea": EVM}.items()
)
SECOND = tuple(msgspec.structs.replace(host, name=f"{host.name}-2") for host in HOSTS if host.chain in ("bsc", "sol"))
LINES = HostSpec(name="btc-lines", chain="btc", protocols=("electrum",), rate=500, hidden_rate=1e6, burst=1e3, tls=True)
NODE = msgspec.structs.replace(LINES, name="btc-node", protocols=("bitcoind",), tls=False)
SPANS = {"per_minute": "a minute", "per_hour": "an hour", "per_day": "a day", "per_month": "a month"}
NONE = "\N{EN DASH}"  # in a cell of a table
MNEMONIC = " ".join(["abandon"] * 11 + ["about"])  # BIP-39's vector
XPUB = (  # BIP-86's vector: its account
    "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ"
)
SAVINGS = msgspec.json.encode(  # as Coldcard exports it
    {
        "chain": "BTC",
        "xfp": "73C5DA0A",
        "account": 0,
        "bip86": {"name": "p2tr", "xfp": "73C5DA0A", "deriv": "m/86'/0'/0'", "xpub": XPUB},
    }
).decode()
ENDS = {"scan": {0, 3}, "demo": {0, 1, 3}}  # whether the demo is flawless is for its own tests; here it has to run
STOPPED = 130
DOCUMENTED_PORT = "8480"  # which somebody else may have
SECONDS = 120.0  # after which a page that doesn't end is killed

LINEA_ROWS = """
[[chain]]
id = "linea"
family = "evm"
chain_id = 59144
symbol = "ETH"
"""


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", page)


def commands(page: str) -> list[str]:
    """Every line of its sh blocks; one that ends with a backslash goes on."""
    return [line for block in blocks(page, "sh") for line in block.replace("\\\n", "").splitlines()]


def section(name: str) -> str:
    """What docs/cli.md says about a command; "" is what stands before the first."""
    before, *parts = re.split(r"(?m)^## ", CLI)
    return next((part for part in parts if part.startswith(f"`{name}`\n")), "") if name else before


def first_cells(text: str) -> list[str]:
    """The first column of its tables."""
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]


@pytest.fixture(scope="module")
def simulated() -> Iterator[Simulated]:
    """A host per chain, and a second one where pages prove tokens, all well."""
    chains = tuple(
        msgspec.structs.replace(each, assets=(*each.assets, *(asset for asset in UNKNOWN if asset.chain == each.chain.id)))
        for each in CHAINS
    )
    running = Simulated(Config(addresses=20, hosts=(*HOSTS, *SECOND, LINES, NODE), chains=chains))
    yield running
    running.close()


# -- commands


def prepare(home: Path, simulated: Simulated, chain: str) -> dict[str, str]:
    """A directory with everything that a page names; its environment."""
    addresses = list(simulated.world[chain].addresses())
    (home / "addresses.txt").write_text("\n".join(addresses))
    (home / "export.csv").write_text("\n".join(f"{n},{text}" for n, text in enumerate(["address", *addresses])))
    (home / "xpub.txt").write_text(XPUB)
    (home / "savings.json").write_text(SAVINGS)
    (home / "seed.txt").write_text(MNEMONIC)
    (home / "seed.txt").chmod(0o600)
    (home / "simulated.toml").write_text(simulated.toml() + LINEA_ROWS)
    (home / ".venv").symlink_to(sys.prefix)
    config = str(home / "simulated.toml")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "HDSCAN_CONFIG": config}


def script(lines: list[str]) -> str:
    """The lines, each followed by a note of how it ended; one that goes on for ever is asked to end after its first scan."""
    noted = []
    for line in lines:
        shell = line
        if "--watch" in line:
            until = "{ grep -m 1 completed > /dev/null; kill -TERM $!; cat > /dev/null; } < said"
            shell = f"mkfifo said; {line} 2> said & {until}; wait $!"
        elif "hdscan serve" in line:
            shell = served(line)
        elif "curl -N" in line:
            shell = f"timeout 2 {line}; test $? -eq 124"  # it would go on for ever
        elif "demo" in line:
            shell = f"{line} --addresses 5"  # the last one counts
        noted.append(f"{shell}\necho $? >> ends\n")
    return "".join(noted) + "kill %% 2> /dev/null; wait"


def served(line: str) -> str:
    """A server: one that is put in the background goes on, another is asked to end when it has begun."""
    if line.endswith("&"):
        return f"mkfifo link; {line.removesuffix('&')} > link & head -n 1 < link > /dev/null"
    return f"mkfifo link; {line} --port 0 > link & head -n 1 < link > /dev/null; kill -TERM $!; wait $!"


def test_every_make_target_exists() -> None:
    targets = re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"))
    named = [target for page in PAGES.values() for target in re.findall(r"(?m)(?:^|`)make ([a-z]+)", page)]
    assert {"demo", "test"} <= set(named) <= set(targets)


# -- snippets


def without_blank_lines(text: str) -> str:
    """The lines with something in them; their number is the formatter's business."""
    return "\n".join(line for line in text.splitlines() if line)


def test_the_snippet_is_that_of_the_api_and_scans(simulated: Simulated, tmp_path: Path) -> None:
    (snippet,) = blocks(PAGES["README.md"], "python")
    assert without_blank_lines(snippet) in without_blank_lines(str(wallet.__doc__))
    (tmp_path / "snippet.py").write_text(snippet.replace("xpub...", XPUB))
    environ = prepare(tmp_path, simulated, "btc")
    done = subprocess.run([sys.executable, "snippet.py"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert "ScanComplete(chain='btc', scan_id=1, status=<Status.COMPLETED" in done.stdout


def test_the_simulators_snippet_runs(tmp_path: Path) -> None:
    snippet = blocks(PROVIDERS, "python")[-1]
    done = subprocess.run([sys.executable, "-c", snippet], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Truth(index=0, address='bc1q" in done.stdout


# -- providers


@pytest.mark.parametrize("rows", [text for text in blocks(PROVIDERS, "toml") if "[project]" not in text])
def test_every_row_works(simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: str) -> None:
    monkeypatch.setenv("MY_BSC_KEY", "0123456789abcdef")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HDSCAN_SCAN_OUTAGE_LIMIT", "10")
    parsed = tomllib.loads(rows)
    row = (parsed.get("chain") or parsed.get("endpoint") or parsed["token"])[0]
    chain = row["id"] if "id" in row else row["chain"]
    hosts = [each for each in simulated.endpoints if each.chain == chain]
    host = next((each for each in hosts if row.get("protocol") in each.protocols), hosts[0])
    mine = re.sub(r'(?m)^url = "[^"]*"', f'url = "{host.url}"', rows)
    (tmp_path / "cookie").write_text("__cookie__:0123456789abcdef")
    mine = re.sub(r'(?m)^cookie = "[^"]*"', f'cookie = "{tmp_path / "cookie"}"', mine)
    if host.tls == "pin" and "tls" not in row:
        mine += '\ntls = "pin"'  # the simulated host has a certificate of its own
    if "endpoint" not in parsed:
        mine += f'\n[[endpoint]]\nname = "host"\nchain = "{chain}"\nprotocol = "evm-rpc"\nurl = "{host.url}"\nrate = 100\n'
    (tmp_path / "hdscan.toml").write_text(mine.replace('catalogue = "also"', ""))
    asyncio.run(
        scanned(f"sqlite:///{tmp_path}/a.db", tmp_path / "hdscan.toml", chain, next(simulated.world[chain].addresses()))
    )


async def scanned(db: str, config: Path, chain: str, address: str) -> None:
    """Scan one address with a configuration; all of it that its host knows has to be read."""
    async with hdscan.open(db, config) as opened:
        assert [each.added for each in await opened.add(address, chains=[chain])] == [1]
        async for _ in opened.scan():
            pass
        known = {asset.symbol for played in CHAINS for asset in played.assets if asset.chain == chain}
        assert known <= {row.asset for row in opened.balances() if row.state == "read"}


def limits(endpoint: Endpoint) -> list[str]:
    """What the table of built-in hosts has to say about one."""
    said = [f"{endpoint.burst:,} at once"] if endpoint.burst > 1 else []
    said += [f"{getattr(endpoint, key):,} {span}" for key, span in SPANS.items() if getattr(endpoint, key)]
    said += [f"{endpoint.batch} a batch"] if endpoint.batch else []
    key = re.search(r"\b[A-Z_]+_KEY\b", endpoint.disabled or "")
    said += ["off"] if endpoint.disabled and not key else []
    return [
        str(endpoint.operator),
        ", ".join(endpoint.protocols),
        f"{endpoint.rate:g}" + (" items" if endpoint.cost == "item" else ""),
        ", ".join(said) or NONE,
        f"`{key[0]}`" if key else NONE,
    ]


def test_the_tables_of_hosts_are_the_catalogue(tmp_path: Path) -> None:
    """A table per chain, whose heading ends with the chain's name in brackets; a line may be about several hosts."""
    endpoints = load(None, {}, {}, tmp_path, Places(data=tmp_path)).endpoints
    tables: dict[str, dict[str, list[str]]] = {}
    for chain, text in re.findall(r"(?ms)^### [^\n]*\(`(\S+)`\)$(.*?)(?=^##|\Z)", PROVIDERS):
        lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")]
        tables[chain] = {
            name.strip("`"): [operator, *(cell.partition(";")[0] for cell in more)]
            for names, operators, *more in lines
            for name, operator in zip(names.split(", "), operators.split(", "), strict=True)
        }
    expected: dict[str, dict[str, list[str]]] = {}
    for endpoint in endpoints:
        expected.setdefault(endpoint.chain, {})[endpoint.name] = limits(endpoint)
    assert tables == expected


def test_every_member_of_the_port_is_explained() -> None:
    members = {name for name in [*Provider.__annotations__, *vars(Provider)] if not name.startswith("_")}
    told = re.findall(r"`([a-z_]+)", " ".join(first_cells(PROVIDERS)))
    assert members - {"name", "chain", "endpoint"} <= set(told)


# -- the command line


def options_of(command: Any) -> set[str]:
    """Every option of a command, that of its subcommands included."""
    own = {option for each in command.params for option in each.opts if option.startswith("--")}
    return own.union(*(options_of(each) for each in getattr(command, "commands", {}).values()))


ROOT_COMMAND: Any = typer.main.get_command(app)


@pytest.mark.parametrize("name", ["", *lazy.COMMANDS])
def test_every_option_is_documented_and_no_other(name: str) -> None:
    text = section(name)
    assert text, f"docs/cli.md has no section on {name}"
    command = lazy.load(name) if name else ROOT_COMMAND
    expected = options_of(command) if name else {o for each in command.params for o in each.opts if o.startswith("--")}
    told = {option for cell in first_cells(text) for option in re.findall(r"--[a-z][a-z-]*", cell)}
    assert told - {"--help"} == expected - {"--help"}
    assert re.search(rf"(?m)^.*\bhdscan (--\S+ \S+ )*{name}", "\n".join(blocks(text, "sh"))), "there is no example"


SHAPES: dict[str, tuple[type[msgspec.Struct], ...]] = {
    "add": (AddedWallet,),
    "wallets": (WalletRow,),
    "addresses": (AddressRow, Derived),
    "plan": (Forecast,),
    "chains": (ChainEntry,),
    "scan": (ScanResult,),
    "status": (StatusRow,),
    "balances": (BalanceRow, UnlistedRow),
    "gaps": (Gap,),
    "explain": (Explained,),
    "providers": (ProviderStatus,),
    "tokens": (Token,),
    "demo": (DemoReport,),
    "doctor": (Checkup,),
}


@pytest.mark.parametrize(("name", "kinds"), SHAPES.items())
def test_every_shape_is_shown_whole(name: str, kinds: Sequence[type[msgspec.Struct]]) -> None:
    for shown, kind in zip(blocks(section(name), "json"), kinds, strict=True):
        value = msgspec.json.decode(shown, type=kind)
        assert msgspec.json.decode(msgspec.json.encode(value)) == msgspec.json.decode(shown), "a member is missing, or is none"
        assert list(msgspec.json.decode(shown)) == list(kind.__struct_fields__)


def test_every_event_is_documented() -> None:
    lines = re.findall(r"(?m)^\| `((?:scan|provider)_\w+)` \|[^|]*\|(.*)\|$", section("scan"))
    told = {name: set(re.findall(r"`([a-z_]+)`", members)) for name, members in lines}
    kinds = {kind.__struct_config__.tag: set(kind.__struct_fields__) for kind in events.Event.__args__}
    assert set(told) == {*kinds, "scan_result"}
    for name in ("scan_state", "scan_progress", "scan_token_error", "scan_error"):
        assert told[name] - {"scan_progress"} == kinds[name]


def test_every_code_and_state_is_documented() -> None:
    assert {cell.strip("`") for cell in first_cells(section("gaps"))} >= set(ReadCode)
    assert set(re.findall(r"`([a-z_]+)`", " ".join(first_cells(section("providers"))))) == set(ProviderState)


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if commands(page)])
def test_every_command_runs(simulated: Simulated, tmp_path: Path, name: str) -> None:
    port = str(free_port())
    lines = [line.replace(DOCUMENTED_PORT, port) for line in commands(PAGES[name]) if not line.startswith("make ")]
    environ = prepare(tmp_path, simulated, "bsc" if name == "README.md" else "btc")
    with (tmp_path / "said.txt").open("w") as said:
        command = ["bash", "-c", script(lines)]
        subprocess.run(command, cwd=tmp_path, env=environ, stdout=said, stderr=said, timeout=SECONDS, check=False)
    codes = [int(line) for line in (tmp_path / "ends").read_text().splitlines()] if lines else []
    for line, code in zip(lines, codes, strict=True):
        words = line.partition("hdscan ")[2].split() or [line]
        goes_on = "--watch" in line or (words[0] == "serve" and not line.endswith("&"))
        expected = {STOPPED} if goes_on else ENDS.get(words[0], {0})
        assert code in expected, f"{line}\n{(tmp_path / 'said.txt').read_text()}"
