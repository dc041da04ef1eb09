"""Derives addresses from an extended public key or a mnemonic."""

from collections.abc import Callable, Iterator

import wallycore
from nacl.bindings import crypto_sign_seed_keypair
from solders.pubkey import Pubkey

from hdscan.chains import Script, family_of
from hdscan.keys.ed25519 import ed25519_master, hardened_child
from hdscan.keys.extended import HARDENED, ExtendedKey, parse
from hdscan.keys.mnemonic import to_seed
from hdscan.model.chain import Chain, Network
from hdscan.model.errors import InputError, KeyFault

BIP44 = 44  # the purpose of every path where scripts are not chosen
_CHILD = wallycore.BIP32_FLAG_KEY_PUBLIC | wallycore.BIP32_FLAG_SKIP_HASH


class Deriver:
    """The addresses of one branch of a wallet.

    `path` has {} in place of the index; `script` is the Bitcoin script, or None. It holds the branch's public key or, for
    Solana, where every step is hardened, the private key of m/44'/501'.
    """

    def __init__(self, path: str, script: Script | None, address: Callable[[int], str]) -> None:
        self.path = path
        self.script = script
        self._address = address

    def addresses(self, start: int, count: int) -> Iterator[tuple[str, str]]:
        """Address and path of `count` indices from `start`; InputError unless all are from 0 to 2^31 - 1 (BIP-32)."""
        if start < 0 or count < 0 or start + count > HARDENED:
            raise InputError("the indices of addresses go from 0 to 2147483647")
        before, after = self.path.split("{}")
        address = self._address
        return ((address(index), f"{before}{index}{after}") for index in range(start, start + count))


def from_extended(chain: Chain, key: str, script: Script | None, branch: int) -> Deriver:
    """The addresses of a branch (0 receiving, 1 change) below an extended public key (BIP-32).

    The default script is P2SH-P2WPKH for a ypub or upub (BIP-49), else the chain's own (BIP-84). The key is an account's (depth
    3) or the branch's (depth 4); of depth 0 or 1, as Electrum exports it, it needs a `script`. Raises KeyFault or InputError,
    which never repeat the key.
    """
    _check_options(chain, script, branch)
    if family_of(chain).only_hardened:
        raise KeyFault("Solana has no extended public keys (ed25519 has hardened children only): use --seed-stdin or an import")
    known = parse(key)
    if known.multisig:
        raise KeyFault(f"a {known.prefix} is one key of a multisig wallet; its addresses cannot be derived from it alone")
    if known.coin is not None and known.coin != family_of(chain).params(chain).coin_type:
        raise KeyFault(f"a {known.prefix} is of another coin than {chain.id}")
    if scripts := family_of(chain).purposes(chain):
        if known.network is not chain.network:
            raise KeyFault(f"a {known.prefix} is of {known.network}, and this is {chain.network}")
        if script and known.script and script is not known.script:
            raise KeyFault(
                f"a {known.prefix} is of {known.script} addresses: leave --script {script} out, or give the other key"
            )
        if known.script and known.script not in scripts:
            raise KeyFault(f"a {known.prefix} is of {known.script} addresses, which {chain.id} does not have")
    elif known.script or (known.network, chain.network) == (Network.TESTNET, Network.MAINNET):
        family = family_of(chain)
        coin = family.params(chain).coin_type
        raise KeyFault(f"a {known.prefix} is not of {family.article} chain: give the xpub of the account m/44'/{coin}'/0'")
    path = _path_below(chain, known, script, branch)
    below = known.wally if known.depth == 4 else wallycore.bip32_key_from_parent(known.wally, branch, _CHILD)
    return _deriver(chain, below, path, script or known.script)


def from_mnemonic(chain: Chain, mnemonic: str, passphrase: str, script: Script | None, branch: int) -> Deriver:
    """The addresses of a branch (0 receiving, 1 change) of a BIP-39 mnemonic's first account.

    Bitcoin m/84'/0'/0'/branch/i (44', 49' or 86' by `script`; coin type 1' on a testnet), EVM m/44'/60'/0'/branch/i, Tron
    m/44'/195'/0'/branch/i, Solana m/44'/501'/i'/0' (SLIP-0010). Raises KeyFault or InputError, which never repeat a word.
    """
    _check_options(chain, script, branch)
    seed = to_seed(mnemonic, passphrase)
    if family_of(chain).only_hardened:
        return _hardened(seed, family_of(chain).params(chain).coin_type)
    purpose, coin = _purpose_and_coin(chain, script)
    steps = [HARDENED + purpose, HARDENED + coin, HARDENED, branch]
    root = wallycore.bip32_key_from_seed(seed, wallycore.BIP32_VER_MAIN_PRIVATE, wallycore.BIP32_FLAG_SKIP_HASH)
    below = wallycore.bip32_key_from_parent_path(root, steps, _CHILD)
    return _deriver(chain, below, f"m/{purpose}'/{coin}'/0'/{branch}/{{}}", script)


def _check_options(chain: Chain, script: Script | None, branch: int) -> None:
    if branch not in (0, 1):
        raise InputError("the branch is 0 (receiving) or 1 (change)")
    scripts = family_of(chain).purposes(chain)
    if script is not None and script not in scripts:
        if scripts:
            raise InputError(f"{chain.id} has no {script} addresses")
        raise InputError(f"a script is chosen for Bitcoin only; {chain.id} has one form of address")
    if family_of(chain).only_hardened and branch:
        raise InputError("Solana's paths have no branch")


def _purpose_and_coin(chain: Chain, script: Script | None) -> tuple[int, int]:
    family = family_of(chain)
    scripts = family.purposes(chain)
    purpose = scripts[script or next(iter(scripts))] if scripts else BIP44
    return purpose, family.params(chain).coin_type


def _path_below(chain: Chain, key: ExtendedKey, script: Script | None, branch: int) -> str:
    """The path as far as it is known: a key names neither its purpose nor its coin type."""
    purpose, coin = _purpose_and_coin(chain, script or key.script)
    if key.depth == 3 and key.child >= HARDENED:
        return f"m/{purpose}'/{coin}'/{key.child - HARDENED}'/{branch}/{{}}"
    if key.depth == 4 and key.child in (0, 1):
        if key.child != branch:
            raise KeyFault(f"the key is of branch {key.child} already, but branch {branch} is asked for")
        return f"m/{purpose}'/{coin}'/?'/{branch}/{{}}"
    if key.depth <= 1 and family_of(chain).purposes(chain):
        if script is None:
            raise KeyFault(
                f"the key is of depth {key.depth}, and an account's (m/{purpose}'/{coin}'/0') is of depth 3; "
                "give --script if it is Electrum's, whose addresses are right below it"
            )
        step = f"/{key.child - HARDENED}'" if key.child >= HARDENED else f"/{key.child}"
        return f"m{step if key.depth else ''}/{branch}/{{}}"
    step = f"{key.child - HARDENED}'" if key.child >= HARDENED else str(key.child)
    account = f"m/{purpose}'/{coin}'/0'"
    raise KeyFault(f"the key is of depth {key.depth} and its last step is {step}; give that of an account ({account}, depth 3)")


def _deriver(chain: Chain, below: object, path: str, script: Script | None) -> Deriver:
    child = wallycore.bip32_key_from_parent
    public = wallycore.bip32_key_get_pub_key
    family = family_of(chain)
    script = script or next(iter(family.purposes(chain)), None)
    encode = family.encoder(chain, script)
    return Deriver(path, script, lambda index: encode(public(child(below, index, _CHILD))))


def _hardened(seed: bytes, coin_type: int) -> Deriver:
    coin = hardened_child(hardened_child(ed25519_master(seed), BIP44), coin_type)

    def address(index: int) -> str:
        key, _ = hardened_child(hardened_child(coin, index), 0)
        return str(Pubkey(crypto_sign_seed_keypair(key)[0]))

    return Deriver(f"m/{BIP44}'/{coin_type}'/{{}}'/0'", None, address)
