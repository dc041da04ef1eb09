import time
from itertools import islice

import pytest
import wallycore
from solders.pubkey import Pubkey

from hdscan.model.chain import Family
from hdscan.sim.chains import BTC, MAINNET, SOL, TRON, SimChain
from hdscan.sim.family import checksummed
from hdscan.sim.world import PROGRAMS, ChainWorld, World, associated_account

PLAYED = (*MAINNET, TRON)


def test_same_seed_gives_the_same_world_and_another_seed_another():
    assert list(World(7, 30)["btc"].truth()) == list(World(7, 30)["btc"].truth())
    assert World(7, 30).truth() == World(7, 30).truth()
    assert World(7, 30)["bsc"].address(0) != World(8, 30)["bsc"].address(0)


def test_addresses_do_not_depend_on_how_many_there_are():
    few, many = World(3, 5), World(3, 1_000_000)
    for chain in ("btc", "bsc", "sol"):
        assert list(few[chain].addresses()) == list(islice(many[chain].addresses(), 5))
        assert many[chain].owns(many[chain].address(999_999))
        assert not few[chain].owns(many[chain].address(999_999))


def test_an_address_of_each_family_has_the_form_of_its_family():
    world = World(1, 1)
    assert world["btc"].address(0).startswith("bc1q")
    assert len(world["btc"].address(0)) == 42
    evm = world["bsc"].address(0)
    assert checksummed(bytes.fromhex(evm[2:])) == evm
    assert len(bytes(Pubkey.from_string(world["sol"].address(0)))) == 32


def test_checksum_is_that_of_eip_55():
    # https://eips.ethereum.org/EIPS/eip-55
    for text in ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"):
        assert checksummed(bytes.fromhex(text[2:])) == text


def test_an_evm_address_is_found_in_any_case():
    world = World(1, 50, funded=1)["bsc"]
    text = world.address(49)
    assert world.holdings(text.lower()) == world.holdings(text) == world.holdings("0x" + text[2:].upper())
    assert world.holdings(text).amounts[0] > 0


def test_foreign_addresses_hold_zero():
    world = World(1, 50, funded=1)
    assert world["bsc"].holdings("0x" + "11" * 20).amounts == (0, 0, 0)
    assert world["btc"].holdings("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4").amounts == (0,)
    assert world["sol"].holdings("SysvarRent111111111111111111111111111111111").amounts == (0, 0, 0)
    assert not world["btc"].valid("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5")
    assert world["btc"].valid("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")


def test_about_the_configured_share_is_funded():
    for chain in World(1, 2000, funded=0.25).chains.values():
        rows = list(chain.truth())
        for asset in chain.assets:
            assert 0.2 < sum(row.amounts[asset.symbol] > 0 for row in rows) / len(rows) < 0.3


def test_all_that_is_funded_was_used_and_a_quarter_of_the_rest():
    for chain in World(1, 2000, funded=0.25).chains.values():
        held = [chain.holdings(text) for text in chain.addresses()]
        assert all(each.transactions for each in held if any(each.amounts))
        emptied = [each for each in held if each.transactions and not any(each.amounts)]
        assert 0.2 < len(emptied) / sum(not any(each.amounts) for each in held) < 0.3
        assert all(each.nonce == each.transactions for each in emptied)
        assert {each.nonce > 0 for each in held if any(each.amounts)} == {True, False}


def test_amounts_cover_what_clients_get_wrong():
    world = World(1, 5000)
    assert any(amount > 2**64 for (chain, _, _), amount in world.truth().items() if chain == "bsc")
    unconfirmed = [row.unconfirmed for row in world["btc"].truth()]
    assert min(unconfirmed) < 0 < max(unconfirmed)
    accounts = world["sol"].accounts.values()
    assert {account.program for account in accounts} == set(PROGRAMS)
    assert any(account.amount == 0 for account in accounts)
    assert all(account.amount < 2**64 for account in accounts)


def test_token_accounts_add_up_to_the_truth():
    world = World(5, 300, funded=0.4)["sol"]
    held: dict[tuple[str, str], int] = {}
    for account in world.accounts.values():
        key = (account.owner, account.mint)
        held[key] = held.get(key, 0) + account.amount
    for row in world.truth():
        for asset in world.assets[1:]:
            assert held.get((row.address, asset.contract or ""), 0) == row.amounts[asset.symbol]


def test_associated_account_is_the_published_one():
    # https://docs.rs/spl-associated-token-account: the PDA of owner, token program and mint
    owner, mint = "11111111111111111111111111111112", SOL.assets[1].contract or ""
    seeds = [bytes(Pubkey.from_string(part)) for part in (owner, PROGRAMS[0], mint)]
    program = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
    assert associated_account(owner, mint, PROGRAMS[0]) == str(Pubkey.find_program_address(seeds, program)[0])


def test_an_account_that_does_not_exist_still_has_an_owner():
    world = World(1, 3, funded=0)["sol"]
    account = associated_account(world.address(2), world.assets[2].contract or "", PROGRAMS[1])
    assert world.owners[account] == (world.address(2), "USDT")
    assert world.address(2) not in world.owners


def test_explicit_addresses_hold_what_is_stated():
    taproot = "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"
    stated = {taproot: {"BTC": 5, "unconfirmed": -2}}
    world = ChainWorld(BTC, seed=1, count=2, explicit=stated)
    assert list(world.addresses())[2:] == [taproot]
    assert world.holdings(taproot).amounts == (5,)
    assert world.holdings(taproot).unconfirmed == -2
    assert world.holdings(taproot).transactions == 1
    emptied = ChainWorld(BTC, seed=1, count=0, explicit={taproot: {"used": 3}}).holdings(taproot)
    assert (emptied.amounts, emptied.transactions) == ((0,), 3)
    unused = ChainWorld(BTC, seed=1, count=0, explicit={taproot: {}}).holdings(taproot)
    assert (unused.amounts, unused.transactions) == ((0,), 0)
    with pytest.raises(ValueError, match="DOGE"):
        ChainWorld(BTC, seed=1, count=0, explicit={taproot: {"DOGE": 1}})


def test_addresses_come_to_be_used_and_new_ones_come_last():
    world, new = World(1, 2)["bsc"], World(9, 1)["bsc"].address(0)
    old = world.address(1)
    assert not any(world.holdings(new).amounts)
    world.state({new.lower(): {"USDC": 7}, old: {"used": 4}})
    assert (world.holdings(new).amounts, world.holdings(new).transactions) == ((0, 7, 0), 1)
    assert (world.holdings(old).amounts, world.holdings(old).transactions) == ((0, 0, 0), 4)
    assert list(world.addresses()) == [world.address(0), old, new.lower()]
    world.state({new: {}})
    assert (len(world), world.holdings(new).transactions) == (3, 0)


def test_addresses_beyond_the_last_are_refused():
    with pytest.raises(IndexError):
        World(1, 3)["btc"].address(3)


def test_five_thousand_addresses_of_each_chain_take_under_a_second():
    world = World(1, 5000)
    for chain in world.chains.values():
        began = time.process_time()
        assert sum(1 for _ in chain.addresses()) == 5000
        assert time.process_time() - began < 1


def test_the_head_moves_with_time():
    for played in PLAYED:
        world = ChainWorld(played, 1, 1)
        assert world.height(1_800_000_000 + 10 * played.interval) - world.height(1_800_000_000) in (9, 10, 11)


def test_every_family_is_played():
    assert {played.chain.family for played in PLAYED} == set(Family)


def test_a_tron_address_holds_the_same_by_both_its_names() -> None:
    world = World(1, 50, funded=0.9, chains=(TRON,))["tron"]
    for text in world.addresses():
        asked = "0x" + bytes(wallycore.base58check_to_bytes(text))[1:].hex()
        assert text.startswith("T")
        assert world.owns(asked)
        assert world.holdings(asked) == world.holdings(text)
    assert not world.valid("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u")


def test_a_move_changes_a_share_of_the_balances_and_nothing_else():
    world, same, still = World(5, 400, funded=0.5), World(5, 400, funded=0.5), World(5, 400, funded=0.5)
    for each in (world, same):
        each.move(0.1, 3)
    before, after = still.truth(), world.truth()
    changed = [key for key, amount in after.items() if amount != before[key]]
    assert same.truth() == after
    assert 0.06 < len(changed) / len(after) < 0.14
    assert {(before[key] > 0, after[key] > before[key], after[key] > 0) for key in changed} == {
        (False, True, True),  # received
        (True, True, True),  # received more
        (True, False, True),  # spent in part
        (True, False, False),  # spent
    }
    assert list(world["sol"].addresses()) == list(still["sol"].addresses())
    used = [[chain.holdings(text).transactions > 0 for text in chain.addresses()] for chain in (world["btc"], still["btc"])]
    assert set(zip(*used, strict=True)) == {(True, True), (True, False), (False, False)}  # what was used once stays so
    for chain, index, symbol in changed[:50]:
        text, at = world[chain].address(index), [a.symbol for a in world[chain].assets].index(symbol)
        assert world[chain].holdings(text).amounts[at] == after[chain, index, symbol]
        assert world[chain].before(text).amounts[at] == before[chain, index, symbol]


def test_token_accounts_follow_a_move():
    world = World(2, 60, funded=0.5)
    assert world["sol"].accounts
    world.move(0.5)
    held: dict[tuple[str, str], int] = {}
    for account in world["sol"].accounts.values():
        held[account.owner, account.mint] = held.get((account.owner, account.mint), 0) + account.amount
    mints = {asset.symbol: asset.contract for asset in world["sol"].assets if asset.contract}
    for row in world["sol"].truth():
        for symbol, mint in mints.items():
            assert held.get((row.address, mint), 0) == row.amounts[symbol]
    foreign = World(9, 1)["sol"].address(0)
    assert not any(world["sol"].holdings(foreign).amounts)


def test_a_move_keeps_what_is_pending_within_what_is_held():
    world = World(4, 3000, funded=0.9)
    world.move(0.9)
    assert all(row.amounts["BTC"] + row.unconfirmed >= 0 for row in world["btc"].truth())


@pytest.mark.parametrize("played", PLAYED, ids=[played.chain.id for played in PLAYED])
def test_burnt_coins_are_held_outside_of_the_wallet_and_never_move(played: SimChain) -> None:
    world = World(seed=1, addresses=10, chains=PLAYED)[played.chain.id]
    world.move(1.0, 5)
    for text in played.burnt:
        assert world.valid(text)
        assert not world.owns(text)
        assert world.holdings(text).amounts == (10**played.chain.decimals, *[0] * (len(played.assets) - 1))
