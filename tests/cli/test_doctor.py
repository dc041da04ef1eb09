"""`hdscan doctor` as its users run it."""

from collections.abc import Callable

from tests.cli.conftest import BSC, BTC, SOL, Hdscan, Simulated


def test_all_is_well(hdscan: Hdscan, simulate: Callable[..., Simulated]) -> None:
    simulate(BTC, BSC, SOL)
    configuration = hdscan.home / "hdscan.toml"
    configuration.write_text(configuration.read_text().replace("[[endpoint]]\n", "[[endpoint]]\ntrusted = true\n"))
    configuration.chmod(0o600)
    done = hdscan("doctor")
    assert done.code == 0, done.out
    assert "✓ ok    provider one  proves to serve btc" in done.out
    assert done.out.splitlines()[-1].endswith("0 to look at, 0 failed")


def test_json_is_one_object(hdscan: Hdscan, simulate: Callable[..., Simulated]) -> None:
    simulate(BTC, BSC, SOL)
    (hdscan.home / "hdscan.toml").chmod(0o644)
    found = hdscan.json("doctor", "--offline", "--json")
    assert found["status"] == "warn"
    checks = {check["check"]: check for check in found["checks"]}
    assert checks["permissions"]["level"] == "warn"
    assert checks["permissions"]["mend"] == f"chmod 600 {hdscan.home / 'hdscan.toml'}"
    assert checks["database"]["mend"] is None


def test_a_host_that_is_gone_fails_the_chain_that_needs_it(hdscan: Hdscan, simulate: Callable[..., Simulated]) -> None:
    simulate(BTC).close()
    done = hdscan("doctor")
    assert done.code == 1
    assert "! warn  provider one" in done.out
    assert "✗ fail  chain btc" in done.out
    assert "→ add an [[endpoint]] row for btc" in done.out


def test_in_an_empty_home_it_asks_nobody_offline_and_makes_nothing(hdscan: Hdscan) -> None:
    done = hdscan("doctor", "--offline")
    assert done.code == 0, done.out
    assert "there is none yet" in done.out
    assert "ETHERSCAN_API_KEY is set" in done.out
    assert not list(hdscan.home.iterdir())


def test_a_configuration_that_cannot_be_read_is_exit_4(hdscan: Hdscan) -> None:
    (hdscan.home / "hdscan.toml").write_text("nonsense = 1\n")
    done = hdscan("doctor")
    assert done.code == 4
    assert "nonsense" in done.err


def test_keys_are_never_shown(hdscan: Hdscan) -> None:
    (hdscan.home / "hdscan.toml").write_text(
        '[[endpoint]]\nname = "keyed"\nchain = "btc"\nprotocol = "esplora"\n'
        'url = "http://127.0.0.1:9/canary0canary0canary0?apikey=${CANARY}"\nrate = 5\n'
    )
    done = hdscan("doctor", "--offline", CANARY="canary1canary1")
    assert "canary" not in done.out + done.err


def test_what_many_providers_have_in_common_is_said_once(hdscan: Hdscan) -> None:
    text = hdscan.ok("doctor", "--offline")
    assert text.count("off until ETHERSCAN_API_KEY is set") == 1
    assert "! warn  provider blockchair, blockchair-ltc, blockchair-doge  off until" in text
    assert "electrum-emzy, electrum-bitaroo" in text
    assert "(learned)" not in text, "a first call that is to be small was not learned"
    checks = hdscan.json("doctor", "--offline", "--json")["checks"]
    assert {"provider blockchair-ltc", "provider electrum-emzy"} <= {check["check"] for check in checks}
