"""surfpool, Solana's runtime with the real token programs in it, and accounts made there by transactions."""

import json
import random
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, TransferParams, create_account, transfer
from solders.transaction import Transaction

from tests.nodes.ask import ask, ask_all
from tests.nodes.process import NODES, running
from tests.nodes.stage import Key

TOKEN = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022 = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ASSOCIATED = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
SYSTEM = Pubkey.default()
USDC = Pubkey.from_string("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
USDT = Pubkey.from_string("Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB")
MINT_SIZE, ACCOUNT_SIZE = 82, 165  # bytes
RENT = 890_880  # lamports, the least that an account without data may hold
SLOT = 50  # milliseconds
TOGETHER = 8  # gifts that one transaction has room for

# `offline`: no account is looked up on a public host
_SERVE = """
const surfnet = require(process.argv[1]).Surfnet.startWithConfig({offline: true, slotTimeMs: %d});
console.log(JSON.stringify({url: surfnet.rpcUrl, payer: surfnet.payerSecretKey}));
process.on("SIGTERM", () => { surfnet.stop(); process.exit(0); });
setInterval(() => surfnet.drainEvents(), 20); // it stops when they heap up
"""


class Solana:
    """A node, who pays there, and the mints: USDC and USDT at their addresses, and one of Token-2022."""

    def __init__(self, url: str, payer: Keypair) -> None:
        self.url = url
        self.payer = payer
        made = Keypair.from_seed(bytes([22] * 32))
        self.mints = {"USDC": (USDC, TOKEN), "USDT": (USDT, TOKEN), "T22": (made.pubkey(), TOKEN_2022)}
        ask(url, "surfnet_setAccount", str(payer.pubkey()), {"lamports": 10**15})
        for mint in (USDC, USDT):  # nobody here has the keys of these addresses, so that they are put there
            data = bytes([1, 0, 0, 0]) + bytes(payer.pubkey()) + bytes(8) + bytes([6, 1]) + bytes(36)
            account = {"lamports": 10**7, "owner": str(TOKEN), "executable": False, "data": data.hex()}
            ask(url, "surfnet_setAccount", str(mint), account)
        space = CreateAccountParams(
            from_pubkey=payer.pubkey(), to_pubkey=made.pubkey(), lamports=10**7, space=MINT_SIZE, owner=TOKEN_2022
        )
        initialize = Instruction(TOKEN_2022, bytes([20, 6]) + bytes(payer.pubkey()) + b"\0", [_writes(made.pubkey())])
        self.send([create_account(space), initialize], made)

    def send(self, instructions: Sequence[Instruction], *signers: Keypair) -> None:
        """One transaction; ValueError where it fails."""
        blockhash = Hash.from_string(ask(self.url, "getLatestBlockhash")["value"]["blockhash"])
        message = Message.new_with_blockhash(instructions, self.payer.pubkey(), blockhash)
        raw = b64encode(bytes(Transaction([self.payer, *signers], message, blockhash))).decode()
        ask(self.url, "sendTransaction", raw, {"encoding": "base64"})

    def give(self, asset: str, amounts: Mapping[Pubkey, int]) -> None:
        """By transactions: transfers of lamports, or associated token accounts with newly made units in them."""
        left = list(amounts.items())
        while some := left[:TOGETHER]:
            del left[:TOGETHER]
            self.send([each for owner, units in some for each in self._gift(owner, asset, units)])

    def _gift(self, owner: Pubkey, asset: str, units: int) -> list[Instruction]:
        payer = self.payer.pubkey()
        if asset == "SOL":
            return [transfer(TransferParams(from_pubkey=payer, to_pubkey=owner, lamports=units))]
        mint, program = self.mints[asset]
        account = associated(owner, mint, program)
        others = [_reads(owner), _reads(mint), _reads(SYSTEM), _reads(program)]
        opened = Instruction(ASSOCIATED, b"\0", [_writes(payer, signs=True), _writes(account), *others])
        amount = units.to_bytes(8, "little")
        return [opened, Instruction(program, b"\x07" + amount, [_writes(mint), _writes(account), _reads(payer, signs=True)])]

    def give_aside(self, asset: str, owner: Pubkey, units: int) -> None:
        """By a transaction: another token account than the associated one, at an address of its own, with new units in it."""
        payer, (mint, program) = self.payer.pubkey(), self.mints[asset]
        made = Keypair()
        account = made.pubkey()
        space = CreateAccountParams(from_pubkey=payer, to_pubkey=account, lamports=10**7, space=ACCOUNT_SIZE, owner=program)
        initialize = Instruction(program, bytes([18]) + bytes(owner), [_writes(account), _reads(mint)])
        minted = Instruction(
            program, b"\x07" + units.to_bytes(8, "little"), [_writes(mint), _writes(account), _reads(payer, signs=True)]
        )
        self.send([create_account(space), initialize, minted], made)

    def stated(self, addresses: Sequence[str]) -> dict[Key, int]:
        """What the node says: getBalance, and every token account of the owner by getTokenAccountsByOwner, added up."""
        at = {"commitment": "confirmed"}
        balances = ask_all(self.url, (("getBalance", [address, at]) for address in addresses), batch=1)
        said = {(address, "SOL"): int(found["value"]) for address, found in zip(addresses, balances, strict=True)}
        asset_of = {str(mint): asset for asset, (mint, _) in self.mints.items()}
        for program in (TOKEN, TOKEN_2022):
            of, shape = {"programId": str(program)}, at | {"encoding": "jsonParsed"}
            found = ask_all(self.url, (("getTokenAccountsByOwner", [address, of, shape]) for address in addresses), batch=1)
            for address, accounts in zip(addresses, found, strict=True):
                units: dict[str, int] = defaultdict(int)
                for account in accounts["value"]:
                    info = account["account"]["data"]["parsed"]["info"]
                    units[asset_of[info["mint"]]] += int(info["tokenAmount"]["amount"])
                for asset, (_, of_program) in self.mints.items():
                    if of_program == program:
                        said[address, asset] = units[asset]
        return said


def associated(owner: Pubkey, mint: Pubkey, program: Pubkey) -> Pubkey:
    """The address of an owner's associated token account."""
    return Pubkey.find_program_address([bytes(owner), bytes(program), bytes(mint)], ASSOCIATED)[0]


def _reads(key: Pubkey, *, signs: bool = False) -> AccountMeta:
    return AccountMeta(key, is_signer=signs, is_writable=False)


def _writes(key: Pubkey, *, signs: bool = False) -> AccountMeta:
    return AccountMeta(key, is_signer=signs, is_writable=True)


@contextmanager
def surfpool(home: Path) -> Iterator[Solana]:
    """A node with the mints and nothing else."""
    module = NODES / "npm/node_modules/@solana/surfpool-linux-x64-gnu"
    with running(["node", "-e", _SERVE % SLOT, module], home) as node:
        log = home / "log"
        said = node.until(lambda: json.loads(log.read_text().partition("\n")[0]), "a surfpool that says where it is")
        yield Solana(said["url"], Keypair.from_bytes(bytes(said["payer"])))


def fund(solana: Solana, addresses: int = 5000, funded: int = 250) -> tuple[list[str], dict[Key, int]]:
    """Addresses on the curve and off it, and what the funded ones were given: every mixture of assets.

    Some token accounts are open and empty, and one's address was only sent lamports.
    """
    chance = random.Random(501)
    owners = [Pubkey(chance.randbytes(32)) for _ in range(addresses)]
    given: dict[str, dict[Pubkey, int]] = {asset: {} for asset in ("SOL", *solana.mints)}
    for number, owner in enumerate(chance.sample(owners, funded)):
        for bit, (asset, amounts) in enumerate(given.items()):
            if (number % 15 + 1) >> bit & 1:
                some = chance.randint(1, 10 ** chance.randint(1, 15)) if number % 50 else 0
                amounts[owner] = some if asset != "SOL" else RENT + some // 10**5
    for asset, amounts in given.items():
        solana.give(asset, amounts)
    mint, program = solana.mints["USDC"]
    unopened = next(owner for owner in owners if owner not in given["USDC"])
    solana.give("SOL", {associated(unopened, mint, program): RENT})
    return [str(owner) for owner in owners], {
        (str(owner), asset): units for asset, amounts in given.items() for owner, units in amounts.items()
    }
