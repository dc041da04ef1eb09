"""Configuration from real files, variables and flags: what wins, what is refused and in which words, what is never shown."""

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from hdscan.app.fleet import check_canaries
from hdscan.model.chain import Asset, Family, Network
from hdscan.model.endpoint import Cost, Endpoint
from hdscan.model.errors import ConfigError
from hdscan.settings import ScanSettings, Settings, load, show, shown, template
from hdscan.settings.load import Places, places
from hdscan.sim.chains import EVM, MAINNET, TRON

CANARY = "canary-c0ffee-secret"
POLYGON = '[[chain]]\nid = "polygon"\nfamily = "evm"\nchain_id = 137\nsymbol = "POL"\n'
TOKEN = '[[token]]\nchain = "{chain}"\nsymbol = "{symbol}"\ncontract = "{contract}"\ndecimals = 6\n'
USDT = "0xc2132D05D31c914a87C6611C10748AEb04B58e8F"
MINT = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"


def endpoint(name: str = "mine", chain: str = "btc", **keys: object) -> str:
    """An [[endpoint]] row; `keys` are TOML text."""
    row = {"protocol": '"esplora"', "url": f'"https://{name}.example/api"', "rate": "4.0"} | keys
    return f'[[endpoint]]\nname = "{name}"\nchain = "{chain}"\n' + "".join(f"{key} = {value}\n" for key, value in row.items())


class Home:
    """A home directory and a project beside it, with nothing configured."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cwd = path / "project"
        self.places = Places(path / "config", path / "data")
        self.user = path / "config" / "hdscan.toml"
        self.cwd.mkdir()
        self.user.parent.mkdir()

    def load(
        self,
        project: str | None = None,
        *,
        user: str | None = None,
        config: Path | None = None,
        flags: Mapping[str, Any] = MappingProxyType({}),
        **environ: str,
    ) -> Settings:
        for path, text in ((self.cwd / "hdscan.toml", project), (self.user, user)):
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_text(text, encoding="utf-8")
        return load(config, flags, environ, self.cwd, self.places)

    def refusal(self, project: str, **environ: Any) -> str:
        """The error that this file leads to, without the file's name."""
        with pytest.raises(ConfigError) as caught:
            self.load(project, **environ)
        return str(caught.value).replace(f"{self.cwd}/hdscan.toml: ", "")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def of(settings: Settings, chain: str) -> list[Endpoint]:
    return [each for each in settings.endpoints if each.chain == chain]


# what is built in


def test_nothing_configured_scans_every_built_in_chain_with_its_tokens(home: Home) -> None:
    settings = home.load()
    evm = dict.fromkeys(["bsc", "eth", "polygon", "arbitrum", "optimism", "base", "avalanche", "gnosis"], Family.EVM)
    families = dict.fromkeys(["btc", "ltc", "doge"], Family.BITCOIN) | {"sol": Family.SOLANA, "tron": Family.TRON} | evm
    assert families.items() <= {id: chain.family for id, chain in settings.chains.items()}.items()
    assert [asset.symbol for asset in settings.assets["btc"]] == ["BTC"]
    decimals = {chain: {asset.symbol: asset.decimals for asset in assets} for chain, assets in settings.assets.items()}
    assert {"BNB": 18, "USDC": 18, "USDT": 18}.items() <= decimals["bsc"].items()
    assert {"SOL": 9, "USDC": 6, "USDT": 6}.items() <= decimals["sol"].items()
    assert all(assets[0].is_native for assets in settings.assets.values())
    assert settings.scan == ScanSettings()
    assert settings.db == f"sqlite:///{home.path}/data/hdscan.db"
    assert all(any(each.disabled is None for each in of(settings, chain)) for chain in settings.chains)
    assert settings.files == ()


def test_canaries_are_built_in_and_not_those_of_another_chain_of_the_same_name(home: Home) -> None:
    check_canaries(home.load())
    for played in (*MAINNET, *EVM, TRON):
        assert home.load().chains[played.chain.id].canaries == played.burnt, "the simulated chain holds what the real one does"
    assert not any(chain.canaries for chain in home.load('network = "testnet"').chains.values())
    row = '[[chain]]\nid = "bsc"\nfamily = "evm"\nsymbol = "BNB"\nchain_id = {}\n'
    assert home.load(row.format(56)).chains["bsc"].canaries == home.load().chains["bsc"].canaries
    own = '[[canary]]\nchain = "bsc"\naddress = "0x0000000000000000000000000000000000000001"\n'
    assert home.load(row.format(31337) + own).chains["bsc"].canaries == ("0x0000000000000000000000000000000000000001",)
    assert len(home.load(own).chains["bsc"].canaries) == 4


def test_testnet_takes_the_testnet_rows_and_a_database_of_its_own(home: Home) -> None:
    main, test = home.load(), home.load('network = "testnet"')
    assert set(test.chains) == {*main.chains, "btc-testnet4", "btc-signet"}
    assert all(chain.network is Network.TESTNET for chain in test.chains.values())
    assert all(main.chains[id].identity != test.chains[id].identity for id in main.chains)
    assert {each.url for each in main.endpoints}.isdisjoint(each.url for each in test.endpoints)
    assert test.db.endswith("/hdscan-testnet.db")


# what wins


def test_flags_win_over_environment_over_project_over_user(home: Home) -> None:
    user = 'db = "sqlite:///user"\nlog_level = "error"\n[scan]\nchunk = 1\nbackoff_base = 0.5\nfinal_passes = 7\n'
    project = 'db = "sqlite:///project"\n[scan]\nchunk = 2\nbackoff_base = 0.25\n'
    settings = home.load(
        project,
        user=user,
        flags={"db": "sqlite:///flag", "log_json": None},
        HDSCAN_DB="sqlite:///env",
        HDSCAN_SCAN_CHUNK="3",
    )
    assert settings.db == "sqlite:///flag"
    assert (settings.scan.chunk, settings.scan.backoff_base, settings.scan.final_passes) == (3, 0.25, 7)
    assert settings.log_level == "error"
    assert settings.files == (str(home.user), str(home.cwd / "hdscan.toml"))


def test_config_is_read_in_place_of_the_projects_file(home: Home) -> None:
    (home.path / "other.toml").write_text("[scan]\nchunk = 5\n")
    project = "[scan]\nchunk = 6\nfinal_passes = 0\n"
    for settings in (
        home.load(project, config=home.path / "other.toml"),
        home.load(project, config=Path("../other.toml")),
        home.load(project, HDSCAN_CONFIG=str(home.path / "other.toml")),
    ):
        assert (settings.scan.chunk, settings.scan.final_passes) == (5, 1)
    with pytest.raises(ConfigError, match=r"missing\.toml: cannot be read"):
        home.load(config=Path("missing.toml"))


def test_environment_sets_every_kind_of_key(home: Home) -> None:
    settings = home.load(
        HDSCAN_NETWORK="testnet",
        HDSCAN_LOG_LEVEL="debug",
        HDSCAN_LOG_JSON="true",
        HDSCAN_SCAN_REQUEST_TIMEOUT="2.5",
        HDSCAN_SCAN_COMMITMENT="confirmed",
        HDSCAN_SCAN_CHUNK="",
    )
    assert (settings.network, settings.log_level, settings.log_json) == (Network.TESTNET, "debug", True)
    assert settings.scan == ScanSettings(request_timeout=2.5, commitment="confirmed")


@pytest.mark.parametrize(("text", "audit"), [("off", "off"), ("spare", "spare"), ("5", 5.0), ("2.5", 2.5)])
def test_the_audit_is_a_word_or_a_percentage_in_the_environment_as_in_a_file(home: Home, text: str, audit: object) -> None:
    assert home.load(HDSCAN_SCAN_AUDIT=text).scan.audit == audit
    assert home.load(f"[scan]\naudit = {text if text[0].isdigit() else repr(text)}\n").scan.audit == audit


def test_without_a_home_the_database_has_to_be_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no home directory"):
        load(None, {}, {}, tmp_path, Places())
    assert load(None, {"db": "sqlite:///x.db"}, {}, tmp_path, Places()).db == "sqlite:///x.db"


@pytest.mark.parametrize("xdg", [None, "relative", ""])
def test_the_directories_are_those_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, xdg: str | None) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False) if xdg is None else monkeypatch.setenv(name, xdg)
    support = tmp_path / "Library" / "Application Support" / "hdscan"
    mac = sys.platform == "darwin"
    assert places() == Places(*((support, support) if mac else (tmp_path / ".config/hdscan", tmp_path / ".local/share/hdscan")))


def test_xdg_directories_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "d"))
    assert places() == Places(tmp_path / "c" / "hdscan", tmp_path / "d" / "hdscan")
    assert load(None, {}, {}, tmp_path).db == f"sqlite:///{tmp_path}/d/hdscan/hdscan.db"


# rows


def test_endpoints_of_a_chain_replace_the_earlier_ones_of_that_chain_only(home: Home) -> None:
    settings = home.load(
        endpoint(per_hour="700", cost='"item"', batch="3", operator='"Me"'), user=endpoint("theirs") + endpoint("other")
    )
    assert of(settings, "btc") == [
        Endpoint("mine", "btc", ("esplora",), "https://mine.example/api", 4.0, None, 700, None, None, Cost.ITEM, 3, "Me")
    ]
    assert of(settings, "bsc") == of(home.load(), "bsc")


def test_catalogue_also_keeps_the_earlier_ones_and_replaces_a_namesake(home: Home) -> None:
    built_in = of(home.load(), "btc")
    settings = home.load('catalogue = "also"\n' + endpoint() + endpoint(built_in[0].name, rate="0.5"))
    names = [each.name for each in of(settings, "btc")]
    assert sorted(names) == sorted([*(each.name for each in built_in), "mine"])
    assert next(each.rate for each in of(settings, "btc") if each.name == built_in[0].name) == 0.5


def test_an_evm_chain_is_a_row_and_so_is_its_token(home: Home) -> None:
    node = endpoint("node", "linea", protocol='["evm-multicall", "evm-rpc"]', url='"http://[::1]:8545"')
    linea = '[[chain]]\nid = "linea"\nfamily = "evm"\nchain_id = 59144\nsymbol = "ETH"\n'
    settings = home.load(linea + TOKEN.format(chain="linea", symbol="USDT", contract=USDT) + node)
    chain = settings.chains["linea"]
    assert (chain.identity, chain.decimals, chain.head_tolerance, chain.network) == ("59144", 18, 20, Network.MAINNET)
    assert settings.assets["linea"] == (Asset("linea", "ETH", 18), Asset("linea", "USDT", 6, USDT))
    assert of(settings, "linea")[0].protocols == ("evm-multicall", "evm-rpc")


def test_a_token_row_replaces_its_namesake(home: Home) -> None:
    settings = home.load(TOKEN.format(chain="sol", symbol="USDC", contract="So11111111111111111111111111111111111111112"))
    assert [asset.symbol for asset in settings.assets["sol"]][:3] == ["SOL", "USDC", "USDT"]
    assert settings.assets["sol"][1].contract == "So11111111111111111111111111111111111111112"


def test_a_row_leaves_its_host_out_and_another_of_its_name_puts_it_in(home: Home) -> None:
    def mirror(text: str) -> Endpoint:
        return next(each for each in of(home.load(text), "btc") if each.name == "mempool-emzy")

    assert str(mirror("").disabled).startswith("off: a mirror that")
    again = 'catalogue = "also"\n' + endpoint("mempool-emzy")
    assert mirror(again).disabled is None
    assert mirror(again + "off = 'down until May'\n").disabled == "off: down until May"
    assert home.refusal(endpoint(off="''")).startswith("[[endpoint]] 1 (mine): off:")


def test_a_token_row_renames_a_built_in_token_of_the_same_contract(home: Home) -> None:
    assets = home.load(TOKEN.format(chain="sol", symbol="COIN", contract=MINT)).assets["sol"]
    assert [asset.symbol for asset in assets if asset.contract == MINT] == ["COIN"]


def test_a_chain_row_keeps_what_is_built_in_for_that_chain_unless_it_is_another_one(home: Home) -> None:
    built_in = home.load()
    row = '[[chain]]\nid = "arbitrum"\nfamily = "evm"\nsymbol = "ETH"\nchain_id = {}\n'
    same, other = home.load(row.format(42161)), home.load(row.format(31337))
    assert same.chains["arbitrum"].l1_blocks
    assert (same.assets, of(same, "arbitrum")) == (built_in.assets, of(built_in, "arbitrum"))
    assert not home.load(row.format(42161) + "l1_blocks = false\n").chains["arbitrum"].l1_blocks
    assert not other.chains["arbitrum"].l1_blocks
    assert not other.chains["arbitrum"].canaries
    assert other.assets["arbitrum"] == (Asset("arbitrum", "ETH", 18),)
    assert not of(other, "arbitrum")
    local = home.load('[[chain]]\nid = "sol"\nfamily = "solana"\nsymbol = "SOL"\ngenesis = "%s"\n' % ("1" * 32))
    assert local.assets["sol"] == built_in.assets["sol"]


def test_rows_of_the_other_network_are_left_out(home: Home) -> None:
    row = endpoint("staging", network='"testnet"')
    assert of(home.load(row), "btc") == of(home.load(), "btc")
    assert [each.name for each in of(home.load(row, HDSCAN_NETWORK="testnet"), "btc")] == ["staging"]


def test_a_key_comes_from_the_environment_and_switches_its_endpoint_on(home: Home) -> None:
    row = endpoint(url='"https://x.example/${MY_KEY}?k=${HDSCAN_MY_OTHER}"')
    off = of(home.load(row, MY_KEY=CANARY), "btc")[0]
    assert off.disabled == "off until HDSCAN_MY_OTHER is set in the environment"
    assert CANARY not in off.url
    on = of(home.load(row, MY_KEY=CANARY, HDSCAN_MY_OTHER="b"), "btc")[0]
    assert (on.url, on.disabled) == (f"https://x.example/{CANARY}?k=b", None)


# what is refused, and how it is said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("netwrk = 'mainnet'", "unknown key 'netwrk'; did you mean 'network'?"),
        ("endpoints = []", "unknown key 'endpoints'; did you mean 'endpoint'?"),
        ("[scan]\nchunks = 5", "[scan]: unknown key 'chunks'; did you mean 'chunk'?"),
        ("network = 'moon'", "network: has to be one of mainnet, testnet"),
        ("[scan]\nchunk = 0", "[scan]: chunk: expected int >= 1"),
        ("[scan]\nchunk = '5'", "[scan]: chunk: expected int, got str"),
        ("[scan]\nrequest_timeout = inf", "[scan]: request_timeout: expected float <= 1000000000.0"),
        ("scan = 5", "[scan] has to be a table of keys and values"),
        ("[endpoint]\nname = 'x'", "endpoint has to be written as [[endpoint]], one for each row"),
        ("a = ", "is not valid TOML, at end of document"),
        ("[scan]\nbackoff_base = 60", "[scan] backoff_max is below backoff_base"),
        ("db = 'mysql://u:secret@h/d'", "db has to be sqlite:///path/to/file or postgresql://…"),
        (endpoint(chain="btcc"), "[[endpoint]] 1 (mine): unknown chain 'btcc'; did you mean 'btc'?"),
        (endpoint(rate="0"), "[[endpoint]] 1 (mine): rate: expected float > 0.0"),
        (endpoint(rate="-1.5"), "[[endpoint]] 1 (mine): rate: expected float > 0.0"),
        (endpoint(rate="nan"), "[[endpoint]] 1 (mine): rate: expected float > 0.0"),
        (endpoint(rate="inf"), "[[endpoint]] 1 (mine): rate: expected float <= 1000000000.0"),
        (endpoint(batch="0"), "[[endpoint]] 1 (mine): batch: expected int >= 1"),
        (endpoint(cost="'gas'"), "[[endpoint]] 1 (mine): cost: has to be one of call, item"),
        (
            endpoint("a/b"),
            "[[endpoint]] 1 (a/b): name: holds characters that cannot stand there, or too many of them",
        ),
        ("[[endpoint]]\nname = 'x'\nchain = 'btc'", "[[endpoint]] 1 (x): 'protocol' is missing"),
        (
            endpoint(protocol="'electrum'"),
            "[[endpoint]] 1 (mine): url has to be a full address such as ssl://host:port",
        ),
        (
            endpoint(protocol="'electrum'", url="'ssl://mine.example'"),
            "[[endpoint]] 1 (mine): url has to be a full address such as ssl://host:port",
        ),
        (
            endpoint(protocol="'electrum'", url="'tcp://mine.example:50001'"),
            "[[endpoint]] 1 (mine): url has to begin with ssl:// (tcp:// is for hosts on this machine and, with"
            ' plain = "private", at private addresses only)',
        ),
        (
            endpoint(protocol="'electrum'", url="'https://mine.example:443'"),
            "[[endpoint]] 1 (mine): url has to begin with ssl:// (tcp:// is for hosts on this machine and, with"
            ' plain = "private", at private addresses only)',
        ),
        (
            endpoint(protocol="['electrum', 'esplora']"),
            "[[endpoint]] 1 (mine): protocol 'electrum' has a url of its own kind; give the others a row of theirs",
        ),
        (endpoint(tls="'pin'"), "[[endpoint]] 1 (mine): tls is for electrum hosts with a url of ssl:// only"),
        (
            endpoint(protocol="'electrum'", url="'tcp://127.0.0.1:50001'", tls="'pin'"),
            "[[endpoint]] 1 (mine): tls is for electrum hosts with a url of ssl:// only",
        ),
        (
            endpoint(protocol="'electrum'", url="'ssl://mine.example:50002'", tls="'sha256:00'"),
            "[[endpoint]] 1 (mine): tls: has to be system, pin, or sha256: and the 64 hexadecimal digits of a certificate's"
            " fingerprint",
        ),
        (
            endpoint(protocol="'evm-rpc'"),
            "[[endpoint]] 1 (mine): protocol 'evm-rpc' is not one of a bitcoin chain; it can be one of esplora, blockchair,"
            " blockchain-info, bitcoind, electrum",
        ),
        (endpoint(cookie="'.cookie'"), "[[endpoint]] 1 (mine): cookie is for bitcoind hosts only"),
        (
            endpoint(protocol="'bitcoind'", url="'https://user:password@mine.example'", cookie="'.cookie'"),
            "[[endpoint]] 1 (mine): cookie names a file of user and password, so that none may stand in url or headers",
        ),
        (endpoint(protocol="[]"), "[[endpoint]] 1 (mine): protocol has to name at least one, and each once"),
        (endpoint() + endpoint(), "[[endpoint]] 2 (mine): the same as [[endpoint]] 1 (mine)"),
        (
            endpoint() + endpoint("two", url="'https://mine.example/api'"),
            "[[endpoint]] 2 (two): has the url of 'mine'; one host has one rate: give one row a list of protocols",
        ),
        (
            "[[chain]]\nid='x'\nfamily='evm'\nsymbol='X'",
            "[[chain]] 1 (x): an EVM chain is known by its chain_id (and has no genesis here)",
        ),
        (
            "[[chain]]\nid='x'\nfamily='bitcoin'\nsymbol='X'\ngenesis='00'",
            "[[chain]] 1 (x): a bitcoin chain is known by the hash of its first block: genesis, 64 hexadecimal digits",
        ),
        (
            "[[chain]]\nid='btc'\nfamily='evm'\nsymbol='X'\nchain_id=1",
            "[[chain]] 1 (btc): 'btc' is a bitcoin chain already; give this one another id",
        ),
        (POLYGON * 2, "[[chain]] 2 (polygon): the same as [[chain]] 1 (polygon)"),
        (
            TOKEN.format(chain="bsc", symbol="X", contract=USDT[:-1]),
            "[[token]] 1 (X): contract has to be 0x and 40 hexadecimal digits",
        ),
        (
            TOKEN.format(chain="bsc", symbol="X", contract=f"0x{USDT[2:].swapcase()}"),
            "[[token]] 1 (X): contract has a wrong EIP-55 checksum (its upper and lower case): mistyped",
        ),
        (
            TOKEN.format(chain="sol", symbol="X", contract=MINT[:-3]),
            "[[token]] 1 (X): contract has to be the mint's address, base58 of 32 bytes",
        ),
        (TOKEN.format(chain="btc", symbol="X", contract="x"), "[[token]] 1 (X): a bitcoin chain has no tokens"),
        (
            TOKEN.format(chain="bsc", symbol="BNB", contract=USDT),
            "[[token]] 1 (BNB): 'BNB' is the chain's own coin; give the token another symbol",
        ),
        (
            TOKEN.format(chain="sol", symbol="USDC", contract=MINT) + TOKEN.format(chain="sol", symbol="COIN", contract=MINT),
            "[[token]] 2 (COIN): has the contract of 'USDC', and would be counted twice",
        ),
        (
            f"[[chain]]\nid='x'\nfamily='bitcoin'\nsymbol='X'\ngenesis='{'0' * 64}'\nl1_blocks=true",
            "[[chain]] 1 (x): l1_blocks is for EVM chains only",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(home: Home, text: str, sentence: str) -> None:
    assert home.refusal(text) == sentence


def test_an_endpoint_name_is_unique_across_chains(home: Home) -> None:
    name = of(home.load(), "sol")[0].name
    assert home.refusal(endpoint(name)).endswith(f"'{name}' is the name of an endpoint of sol; names are unique")


@pytest.mark.parametrize(
    "url",
    [
        f"http://host.example/{CANARY}",
        f"ftp://host.example/{CANARY}",
        f"https://{CANARY}@",
        f"https:///{CANARY}",
        f"http://127.0.0.1.evil.example/{CANARY}",
        f"https://host.example:99999/{CANARY}",
        f"https://host.example/{CANARY} x",
        f"https://host.example/${{{CANARY}",
        f"https://[::1/{CANARY}",
        "${URL}",
    ],
)
def test_a_url_that_cannot_be_is_refused_without_being_echoed(home: Home, url: str) -> None:
    sentence = home.refusal(endpoint(url=f"'{url}'"), URL=f"http://x.example/{CANARY}")
    assert re.match(r"\[\[endpoint]] 1 \(mine\): url has to ", sentence)
    assert CANARY not in sentence


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "127.9.9.9:80", "[::1]:8480"])
def test_http_is_allowed_on_this_machine(home: Home, host: str) -> None:
    assert of(home.load(endpoint(url=f"'http://{host}/x'")), "btc")[0].url == f"http://{host}/x"


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("HDSCAN_SCAN_CHUNKS", "5", "environment: unknown variable HDSCAN_SCAN_CHUNKS; did you mean 'HDSCAN_SCAN_CHUNK'?"),
        ("HDSCAN_SCAN_CHUNK", CANARY, "HDSCAN_SCAN_CHUNK: chunk: expected int, got str"),
        ("HDSCAN_LOG_LEVEL", CANARY, "HDSCAN_LOG_LEVEL: log_level: has to be one of debug, info, warning, error"),
        ("HDSCAN_SCAN_AUDIT", CANARY, 'HDSCAN_SCAN_AUDIT: audit: has to be "spare", "off" or a number from 0 to 100'),
        ("HDSCAN_SCAN_AUDIT", "101", 'HDSCAN_SCAN_AUDIT: audit: has to be "spare", "off" or a number from 0 to 100'),
        ("HDSCAN_SCAN_CHUNK", "\udcff", "HDSCAN_SCAN_CHUNK: is not UTF-8 text"),
        ("HDSCAN_DB", CANARY, "db has to be sqlite:///path/to/file or postgresql://…"),
    ],
)
def test_a_variable_that_cannot_be_is_named_and_not_echoed(home: Home, name: str, text: str, sentence: str) -> None:
    assert home.refusal("", **{name: text}) == sentence


def test_an_error_names_the_file(home: Home) -> None:
    for written in ({"project": "x = 1"}, {"user": "x = 1"}):
        with pytest.raises(ConfigError, match=r"/hdscan\.toml: unknown key 'x'; it can be one of network, db, "):
            home.load(written.get("project"), user=written.get("user"))


def test_a_file_that_is_not_text_is_refused(home: Home) -> None:
    (home.path / "latin.toml").write_bytes(b'db = "\xe9"')
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        home.load(config=home.path / "latin.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        home.load(config=home.path)


# what is shown


def test_nothing_secret_is_shown(home: Home) -> None:
    settings = home.load(
        endpoint(url=f'"https://user:{CANARY}@x.example:8443/{CANARY}?k=${{MY_KEY}}"'),
        MY_KEY=CANARY,
        HDSCAN_DB=f"postgresql://me:{CANARY}@db.example:5432/hd?password={CANARY}",
    )
    text = show(settings) + repr(shown(settings))
    assert CANARY not in text
    values = tomllib.loads(show(settings))
    assert values["db"] == "postgresql://me@db.example:5432/hd"
    assert [row["url"] for row in values["endpoint"] if row["name"] == "mine"] == ["https://x.example:8443"]
    assert values["scan"]["chunk"] == 1000
    assert {"id", "family", "identity"} <= set(values["chain"][0])


def test_the_template_changes_nothing_until_a_line_is_uncommented(home: Home) -> None:
    as_it_is = home.load(template())
    assert (as_it_is.scan, as_it_is.endpoints, as_it_is.assets) == (home.load().scan, home.load().endpoints, home.load().assets)


def test_the_template_uncommented_is_valid_and_says_the_defaults(home: Home) -> None:
    (home.cwd / "ca.pem").write_text("-----BEGIN CERTIFICATE-----")
    settings = home.load(re.sub(r"(?m)^#(?=\S)", "", template()), MY_KEY="k")
    assert settings.scan == ScanSettings()
    assert of(settings, "btc")[0].url == "https://esplora.example/api/k"
    assert settings.chains["linea"].head_tolerance == 20


TAGGED = '[[chain]]\nid = "polygon"\nfamily = "evm"\nchain_id = 137\nsymbol = "POL"\nread_at = "finalized"\n'


def test_a_chain_read_at_finalized_blocks_leaves_out_hosts_that_read_at_the_latest_only(home: Home) -> None:
    rows = [
        f'[[endpoint]]\nname = "{name}"\nchain = "polygon"\nprotocol = {protocol}\nurl = "https://{name}.example"\nrate = 1.0\n'
        for name, protocol in {"scan": '"etherscan"', "node": '["evm-multicall", "evm-rpc"]'}.items()
    ]
    settings = home.load(TAGGED + "".join(rows))
    scan, node = of(settings, "polygon")
    assert (settings.chains["polygon"].read_at, settings.chains["polygon"].head_tolerance) == ("finalized", 64)
    assert node.disabled is None
    assert scan.disabled == "off: etherscan reads at the latest block only, and polygon is read at the finalized one"
    latest = home.load(TAGGED.replace("finalized", "latest") + "".join(rows))
    assert [each.disabled for each in of(latest, "polygon")] == [None, None]
    assert latest.chains["polygon"].head_tolerance == 20


def test_the_commitment_is_what_a_solana_chain_is_read_at(home: Home) -> None:
    assert home.load('[scan]\ncommitment = "confirmed"\n').chains["sol"].read_at == "confirmed"
    assert home.load().chains["btc"].read_at is None


def test_held_tokens_have_a_protocol_of_their_own_on_solana(home: Home) -> None:
    listed, held = home.load(), home.load('[scan]\ntokens = "held"\n')
    assert {each.protocols for each in of(listed, "sol")} == {("solana-rpc",)}
    assert {each.protocols for each in of(held, "sol")} == {("solana-rpc", "solana-tokens")}
    assert of(held, "bsc") == of(listed, "bsc")
    with pytest.raises(ConfigError, match=r"protocol 'solana-tokens' comes by \[scan] tokens = \"held\"; leave it out here"):
        home.load('[[endpoint]]\nname = "s"\nchain = "sol"\nprotocol = "solana-tokens"\nurl = "https://s"\nrate = 1\n')
    with pytest.raises(ConfigError, match="tokens: has to be one of listed, held"):
        home.load('[scan]\ntokens = "all"\n')


def test_read_at_is_for_evm_chains_only(home: Home) -> None:
    row = f'[[chain]]\nid = "ltc"\nfamily = "bitcoin"\nsymbol = "LTC"\ngenesis = "{"0" * 64}"\nread_at = "safe"\n'
    with pytest.raises(ConfigError, match=r"\[\[chain]] 1 \(ltc\): read_at is for EVM chains only"):
        home.load(row)
    with pytest.raises(ConfigError, match="read_at: has to be one of latest, safe, finalized"):
        home.load(TAGGED.replace("finalized", "pending"))


def test_the_path_of_a_cookie_is_relative_to_where_hdscan_runs(home: Home) -> None:
    row = endpoint(protocol="'bitcoind'", url="'http://127.0.0.1:8332'")
    for given, path in ((".cookie", home.cwd / ".cookie"), ("/run/bitcoin/.cookie", Path("/run/bitcoin/.cookie"))):
        assert of(home.load(row + f'cookie = "{given}"\n'), "btc")[0].cookie == str(path)
