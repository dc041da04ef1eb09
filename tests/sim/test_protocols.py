import struct
import time
from base64 import b64decode

import pytest
from eth_abi import decode, encode
from solders.pubkey import Pubkey

from hdscan.chains.keccak import keccak256
from hdscan.sim import abi
from hdscan.sim.chains import TRON
from hdscan.sim.contracts import MULTICALL3
from hdscan.sim.solana import CLOCK, SYSTEM_PROGRAM, SYSVAR_OWNER
from hdscan.sim.world import PROGRAMS, World, associated_account
from tests.sim.conversation import Talk, accounts, converse, host

AT = "0x" + MULTICALL3.hex()
ETHERSCAN = host("bsc", protocols=("etherscan",))


def test_selectors_are_the_hashes_of_their_signatures():
    for selector, signature in {
        abi.AGGREGATE3: "aggregate3((address,bool,bytes)[])",
        abi.GET_ETH_BALANCE: "getEthBalance(address)",
        abi.GET_BLOCK_NUMBER: "getBlockNumber()",
        abi.GET_CHAIN_ID: "getChainId()",
        abi.GET_LAST_BLOCK_HASH: "getLastBlockHash()",
        abi.GET_BLOCK_HASH: "getBlockHash(uint256)",
        abi.GET_TIMESTAMP: "getCurrentBlockTimestamp()",
        abi.BALANCE_OF: "balanceOf(address)",
        abi.DECIMALS: "decimals()",
    }.items():
        assert keccak256(signature.encode())[:4] == selector


def test_aggregate3_is_read_and_written_as_eth_abi_does():
    calls = [(AT, True, b"\x01" * n) for n in (0, 1, 31, 32, 33, 36, 100)] + [("0x" + "ab" * 20, False, b"")]
    read = abi.decode_aggregate3(abi.AGGREGATE3 + encode(["(address,bool,bytes)[]"], [calls]))
    assert [("0x" + sub.target.hex(), sub.allow_failure, sub.data) for sub in read] == calls
    results = [(True, b"\x07" * n) for n in (0, 1, 32, 33)] + [(False, b"")]
    assert list(decode(["(bool,bytes)[]"], abi.encode_results(results))[0]) == results


def test_esplora_states_funded_and_spent_sums():
    async def story(talk: Talk) -> None:
        for row in talk.world["btc"].truth():
            stats = (await talk.get(f"/address/{row.address}")).json
            chain, pool = stats["chain_stats"], stats["mempool_stats"]
            assert chain["funded_txo_sum"] - chain["spent_txo_sum"] == row.amounts["BTC"]
            assert pool["funded_txo_sum"] - pool["spent_txo_sum"] == row.unconfirmed
            assert stats["address"] == row.address
            assert chain["tx_count"] == talk.world["btc"].holdings(row.address).transactions
            assert pool["tx_count"] == bool(row.unconfirmed)
            assert chain["tx_count"] or not chain["funded_txo_sum"]

    converse(story, host(), world=World(2, 200, funded=0.5))


def test_esplora_names_tip_and_genesis():
    async def story(talk: Talk) -> None:
        world = talk.world["btc"]
        tip = int((await talk.get("/blocks/tip/height")).body)
        assert abs(tip - world.height(time.time())) <= 1
        assert (await talk.get("/block-height/0")).body.decode() == world.chain.identity
        assert (await talk.get("/blocks/tip/hash")).body == (await talk.get(f"/block-height/{tip}")).body
        assert (await talk.get(f"/block-height/{tip + 9}")).status == 404
        assert (await talk.get("/address/bc1qnonsense")).status == 400
        assert (await talk.get("/nothing")).status == 404

    converse(story, host())


def test_blockchair_names_only_what_holds_something():
    async def story(talk: Talk) -> None:
        world = talk.world["btc"]
        rows = list(world.truth())
        reply = await talk.form({"addresses": ",".join([*(row.address for row in rows), "1nonsense", world.chain.id])})
        assert reply.json["data"] == {row.address: row.amounts["BTC"] for row in rows if row.amounts["BTC"]}
        assert abs(reply.json["context"]["state"] - world.height(time.time())) <= 1
        assert talk.log[0].asks[0] == (rows[0].address, "BTC")
        empty = next(row.address for row in rows if not row.amounts["BTC"])
        assert (await talk.get(f"/addresses/balances?addresses={empty}")).json["data"] == []
        block = (await talk.get("/dashboards/block/0")).json["data"]["0"]["block"]
        assert block == {"id": 0, "hash": world.chain.identity}
        tip = (await talk.get("/stats")).json["data"]["best_block_height"]
        assert abs(tip - world.height(time.time())) <= 1
        assert (await talk.get("/nothing")).status == 404

    converse(story, host(protocols=("blockchair",)))


def test_blockchain_info_counts_the_mempool_in_and_lists_it_first():
    async def story(talk: Talk) -> None:
        world = talk.world["btc"]
        rows = list(world.truth())
        reply = (await talk.get("/multiaddr?n=100&active=" + "|".join(row.address for row in rows))).json
        found = {each["address"]: each for each in reply["addresses"]}
        assert list(found) == [row.address for row in reversed(rows)]
        assert all(found[row.address]["final_balance"] == row.amounts["BTC"] + row.unconfirmed for row in rows)
        assert all(each["final_balance"] == each["total_received"] - each["total_sent"] for each in reply["addresses"])
        waiting = [each["block_height"] is None for each in reply["txs"]]
        assert (sum(waiting), waiting) == (sum(row.unconfirmed != 0 for row in rows), sorted(waiting, reverse=True))
        assert abs(reply["info"]["latest_block"]["height"] - world.height(time.time())) <= 1
        assert len((await talk.get(f"/multiaddr?n=1&active={rows[0].address}|{rows[1].address}")).json["txs"]) <= 1
        assert (await talk.get(f"/multiaddr?active={rows[0].address}|1nonsense")).status == 404
        assert (await talk.get("/block-height/0?format=json")).json["blocks"][0]["hash"] == world.chain.identity
        assert abs((await talk.get("/latestblock")).json["height"] - world.height(time.time())) <= 1

    converse(story, host(protocols=("blockchain-info",)), world=World(3, 120, funded=0.5))


def test_etherscan_lists_twenty_balances():
    async def story(talk: Talk) -> None:
        rows = list(talk.world["bsc"].truth())[:20]
        reply = await talk.get("&module=account&action=balancemulti&tag=latest&address=" + ",".join(r.address for r in rows))
        assert reply.json["status"] == "1"
        assert reply.json["result"] == [{"account": r.address, "balance": str(r.amounts["BNB"])} for r in rows]
        many = ",".join(talk.world["bsc"].address(i) for i in range(21))
        reply = await talk.get(f"&module=account&action=balancemulti&address={many}")
        assert (reply.status, reply.json["status"], reply.json["message"]) == (200, "0", "NOTOK")
        assert isinstance(reply.json["result"], str)

    converse(story, ETHERSCAN)


def test_etherscan_knows_tokens_and_the_proxy_module():
    async def story(talk: Talk) -> None:
        world = talk.world["bsc"]
        usdt = world.assets[2].contract or ""
        for row in list(world.truth())[:5]:
            below = f"&module=account&action=tokenbalance&contractaddress={usdt}&address={row.address}&tag=latest"
            assert (await talk.get(below)).json["result"] == str(row.amounts["USDT"])
            data = "0x" + (abi.BALANCE_OF + encode(["address"], [row.address])).hex()
            called = (await talk.get(f"&module=proxy&action=eth_call&to={usdt}&data={data}&tag=latest")).json
            assert int(called["result"], 16) == row.amounts["USDT"]
        assert (await talk.get("&module=proxy&action=eth_chainId")).json["result"] == "0x38"
        head = int((await talk.get("&module=proxy&action=eth_blockNumber")).json["result"], 16)
        assert abs(head - world.height(time.time())) <= 2
        assert (await talk.get("&chainid=1&module=proxy&action=eth_chainId")).json["status"] == "0"
        assert "Invalid address" in (await talk.get("&module=account&action=balance&address=0x12")).json["result"]

    converse(story, ETHERSCAN)


def test_evm_answers_single_and_batch_requests():
    async def story(talk: Talk) -> None:
        world = talk.world["bsc"]
        assert (await talk.rpc("eth_chainId"))["result"] == "0x38"
        rows = list(world.truth())[:12]
        usdc = world.assets[1].contract
        batch = [
            {"jsonrpc": "2.0", "id": r.index, "method": "eth_getBalance", "params": [r.address, "latest"]} for r in rows
        ] + [
            {
                "jsonrpc": "2.0",
                "id": 100 + r.index,
                "method": "eth_call",
                "params": [{"to": usdc, "data": "0x" + (abi.BALANCE_OF + encode(["address"], [r.address])).hex()}, "latest"],
            }
            for r in rows
        ]
        got = {item["id"]: int(item["result"], 16) for item in (await talk.post(batch)).json}
        assert got == {r.index: r.amounts["BNB"] for r in rows} | {100 + r.index: r.amounts["USDC"] for r in rows}
        assert (await talk.rpc("eth_mining"))["error"]["code"] == -32601
        assert (await talk.rpc("eth_getBalance", "0x12", "latest"))["error"]["code"] == -32602
        assert (await talk.rpc("eth_call", {"to": "0x" + "12" * 20, "data": "0x70a08231"}, "latest"))["result"] == "0x"
        old = hex(world.height(time.time()) - 1000)
        assert "missing trie node" in (await talk.rpc("eth_getBalance", rows[0].address, old))["error"]["message"]
        assert (await talk.post([])).json["error"]["code"] == -32600

    converse(story, host("bsc"))


def aggregate(*calls: tuple[str, bool, bytes]) -> dict[str, str]:
    return {"to": AT, "data": "0x" + (abi.AGGREGATE3 + encode(["(address,bool,bytes)[]"], [calls])).hex()}


def test_multicall_reads_balances_head_chain_and_time_in_one_call():
    async def story(talk: Talk) -> None:
        world = talk.world["bsc"]
        rows = list(world.truth())
        calls = [(AT, True, selector) for selector in (abi.GET_BLOCK_NUMBER, abi.GET_CHAIN_ID, abi.GET_TIMESTAMP)]
        for row in rows:
            calls.append((AT, True, abi.GET_ETH_BALANCE + encode(["address"], [row.address])))
            calls += [(a.contract or "", True, abi.BALANCE_OF + encode(["address"], [row.address])) for a in world.assets[1:]]
        reply = await talk.rpc("eth_call", aggregate(*calls), "latest")
        results = list(decode(["(bool,bytes)[]"], bytes.fromhex(reply["result"][2:]))[0])
        assert all(success and len(data) == 32 for success, data in results)
        numbers = [int.from_bytes(data, "big") for _, data in results]
        assert abs(numbers[0] - world.height(time.time())) <= 2
        assert numbers[1] == 56
        assert abs(numbers[2] - time.time()) < 3
        assert numbers[3:] == [amount for row in rows for amount in row.amounts.values()]
        assert talk.log[0].asks[:2] == ((rows[0].address.lower(), "BNB"), (rows[0].address.lower(), "USDC"))

    converse(story, host("bsc"))


def test_multicall_says_nothing_where_no_contract_is_and_fails_where_it_must():
    async def story(talk: Talk) -> None:
        nobody = ("0x" + "77" * 20, True, abi.BALANCE_OF + bytes(32))
        wrong = (talk.world["bsc"].assets[1].contract or "", True, b"\x12\x34\x56\x78")
        reply = await talk.rpc("eth_call", aggregate(nobody, wrong), "latest")
        assert list(decode(["(bool,bytes)[]"], bytes.fromhex(reply["result"][2:]))[0]) == [(True, b""), (False, b"")]
        reply = await talk.rpc("eth_call", aggregate(nobody, (wrong[0], False, wrong[2])), "latest")
        assert reply["error"]["code"] == 3
        reply = await talk.rpc("eth_call", aggregate(*[nobody] * 11), "latest")
        assert "out of gas" in reply["error"]["message"]

    converse(story, host("bsc", gas_cap=10))


def test_solana_returns_accounts_in_their_places():
    async def story(talk: Talk) -> None:
        world = talk.world["sol"]
        for row in world.truth():
            mints = [asset.contract or "" for asset in world.assets[1:]]
            keys = [row.address, *(associated_account(row.address, mint, p) for mint in mints for p in PROGRAMS), CLOCK]
            result = (await talk.post(accounts(keys, dataSlice={"offset": 0, "length": 72}))).json["result"]
            native, *tokens, clock = result["value"]
            assert (native or {"lamports": 0})["lamports"] == row.amounts["SOL"]
            assert native is None or native["owner"] == SYSTEM_PROGRAM
            held = dict.fromkeys(mints, 0)
            for mint, program, account in zip(sorted(mints * 2, key=mints.index), PROGRAMS * 2, tokens, strict=True):
                if account is None:
                    continue
                data = b64decode(account["data"][0])
                assert (account["owner"], account["space"], len(data)) == (program, 165, 72)
                assert Pubkey.from_bytes(data[:32]) == Pubkey.from_string(mint)
                assert Pubkey.from_bytes(data[32:64]) == Pubkey.from_string(row.address)
                held[mint] += int.from_bytes(data[64:72], "little")
            assert list(held.values()) == [row.amounts["USDC"], row.amounts["USDT"]]
            slot, _, epoch, _, seconds = struct.unpack("<QqQQq", b64decode(clock["data"][0]))
            assert clock["owner"] == SYSVAR_OWNER
            assert (slot, epoch) == (result["context"]["slot"], slot // 432_000)
            assert abs(seconds - time.time()) < 3

    converse(story, host("sol"), world=World(4, 40, funded=0.5))


def test_solana_refuses_what_the_real_one_refuses():
    async def story(talk: Talk) -> None:
        world = talk.world["sol"]
        assert (await talk.rpc("getGenesisHash"))["result"] == world.chain.identity
        assert (await talk.rpc("getHealth"))["result"] == "ok"
        slot = (await talk.rpc("getSlot", {"commitment": "finalized"}))["result"]
        assert (await talk.rpc("getSlot", {"commitment": "processed"}))["result"] > slot
        assert (await talk.post(accounts([CLOCK] * 101))).json["error"]["code"] == -32602
        assert (await talk.post(accounts(["nonsense"]))).json["error"]["code"] == -32602
        behind = (await talk.post(accounts([CLOCK], minContextSlot=slot + 999))).json["error"]
        assert behind["code"] == -32016
        assert behind["data"]["contextSlot"] >= slot
        nulls = await talk.post(accounts([CLOCK], minContextSlot=None, dataSlice=None))  # as solders writes what is not given
        assert nulls.json["result"]["value"][0]["owner"] == SYSVAR_OWNER

    converse(story, host("sol"))


@pytest.mark.parametrize("protocol", ["evm-rpc", "etherscan", "blockchain-info", "solana-rpc"])
def test_every_host_tells_the_same_of_an_addresss_use(protocol: str):
    chain = {"evm-rpc": "bsc", "etherscan": "bsc", "blockchain-info": "btc", "solana-rpc": "sol"}[protocol]

    async def told(talk: Talk, text: str) -> int:
        match protocol:
            case "evm-rpc":
                return int((await talk.rpc("eth_getTransactionCount", text, "latest"))["result"], 16)
            case "etherscan":
                asked = f"&module=proxy&action=eth_getTransactionCount&address={text}&tag=latest"
                return int((await talk.get(asked)).json["result"], 16)
            case "blockchain-info":
                return (await talk.get(f"/multiaddr?active={text}")).json["addresses"][0]["n_tx"]
        return len((await talk.rpc("getSignaturesForAddress", text, {"limit": 1}))["result"])

    async def story(talk: Talk) -> None:
        world = talk.world[chain]
        for row in world.truth():
            held = world.holdings(row.address)
            true = held.nonce if chain == "bsc" else held.transactions or row.unconfirmed
            assert bool(await told(talk, row.address)) == bool(true)
        asks = {symbol for entry in talk.log for _, symbol in entry.asks}
        assert asks == {"BTC" if protocol == "blockchain-info" else "use"}

    converse(story, host(chain, protocols=(protocol,)), world=World(2, 60, funded=0.3))


def test_a_tron_node_has_no_nonces_but_knows_who_could_make_a_transfer():
    async def story(talk: Talk) -> None:
        words = set()
        for row in talk.world["tron"].truth():
            assert (await talk.rpc("eth_getTransactionCount", row.address, "latest"))["result"] == "0x0"
            said = await talk.rpc("eth_estimateGas", {"from": row.address, "to": "0x" + "00" * 20, "value": "0x1"})
            words.add(said.get("result") or said["error"]["message"])
            used = talk.world["tron"].holdings(row.address).transactions > 0
            assert used == ("no OwnerAccount" not in str(said))
            assert (said.get("result") == "0x0") == (row.amounts["TRX"] > 0)
        assert len(words) == 3
        assert (await talk.rpc("eth_estimateGas", {"from": "nonsense", "to": "", "value": ""}))["error"]["code"] == -32600
        assert (await talk.rpc("eth_estimateGas"))["error"]["code"] == -32600

    converse(story, host("tron"), world=World(2, 60, funded=0.3, chains=(TRON,)))


def test_a_solana_node_has_the_first_blocks_and_knows_signatures_of_settled_blocks_only():
    async def story(talk: Talk) -> None:
        text = talk.world["sol"].address(0)
        assert (await talk.rpc("getBlocks", 0, 9))["result"] == list(range(10))
        assert (await talk.rpc("getBlocks"))["error"]["code"] == -32602
        assert (await talk.rpc("getSignaturesForAddress", text, {"commitment": "processed"}))["error"]["code"] == -32602
        assert (await talk.rpc("getSignaturesForAddress", "nonsense"))["error"]["code"] == -32602
        found = (await talk.rpc("getSignaturesForAddress", text))["result"]
        assert [len(each["signature"]) in (87, 88) for each in found] == [True] * len(found) != []

    converse(story, host("sol"), world=World(2, 1, funded=1))


def test_the_log_names_what_was_asked():
    async def story(talk: Talk) -> None:
        world = talk.world["sol"]
        existing = next(key for key, account in world.accounts.items() if account.amount)
        mint = world.assets[1].contract or ""
        missing = next(
            key
            for address in world.addresses()
            if (key := associated_account(address, mint, PROGRAMS[1])) not in world.accounts
        )
        await talk.post(accounts([world.address(3), existing, missing, CLOCK]))
        symbol = {asset.contract: asset.symbol for asset in world.assets}[world.accounts[existing].mint]
        entry = talk.log[0]
        assert entry.asks == ((world.address(3), "SOL"), (existing, symbol), (missing, "account"))
        assert (entry.methods, entry.items, entry.status, entry.answered) == (("getMultipleAccounts",), 4, 200, "ok")

    converse(story, host("sol"))
