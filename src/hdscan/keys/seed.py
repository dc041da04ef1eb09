"""The wallet of a BIP-39 mnemonic on every chain, in all styles of path; nothing private is kept."""

from collections.abc import Callable, Iterator
from functools import cache

import wallycore
from nacl.bindings import crypto_sign_seed_keypair
from solders.pubkey import Pubkey

from hdscan.chains import family_of
from hdscan.keys.branch import APOSTROPHE, PURPOSE, branch
from hdscan.keys.derive import CHILD, FUNCTIONS
from hdscan.keys.ed25519 import ed25519_master, hardened_child
from hdscan.keys.expression import below
from hdscan.keys.extended import HARDENED as H
from hdscan.keys.extended import core
from hdscan.keys.mnemonic import to_seed
from hdscan.keys.options import Options
from hdscan.keys.styles import (
    BIP44,
    BIP44_CHANGE,
    BY_SCRIPT,
    LEDGER_LEGACY,
    LEDGER_LIVE,
    SOLLET_LEGACY,
    check_style,
    is_chosen,
    styles_of,
)
from hdscan.model.chain import Chain, Family, Network
from hdscan.model.errors import InputError
from hdscan.model.wallet import Branch, Found, Role, WalletKind

ACCOUNTS = 20  # of each script whose public keys are kept, so that the next is looked at once one is used (BIP-44)
MAX_ACCOUNTS = 1000


def of_seed(words: str, passphrase: str, options: Options) -> Found:
    """The wallet of a mnemonic: all chains that are configured (or chosen), all styles (or the one of `path`).

    Kept are the public keys of accounts, and addresses alone where each is below a hardened step of its own. Raises KeyFault or
    InputError, which never repeat a word.
    """
    chains = options.chosen() or tuple(options.chains.values())
    check_style(options, *chains)
    if options.accounts is not None and not 1 <= options.accounts <= MAX_ACCOUNTS:
        raise InputError(f"the accounts to look at are from 1 to {MAX_ACCOUNTS:,}")
    if options.script and not any(options.script in family_of(chain).purposes(chain) for chain in chains):
        raise InputError(f"a script is chosen for Bitcoin only, and no chain here has {options.script} addresses")
    root = _Root(to_seed(words, passphrase), options)
    branches = [
        found
        for chain in chains
        for style in styles_of(chain)
        if is_chosen(options, chain, style)
        for found in root.branches(chain, style)
    ]
    fixed: dict[str, list[str]] = {}
    for found in branches:
        if found.source is None and not options.forget:
            fixed.setdefault(found.style, []).append(found.chain)
    which = ", ".join(f"{style} ({on[0]}{f' + {len(on) - 1} more' if len(on) > 1 else ''})" for style, on in fixed.items())
    said = f"of {which} {options.first} addresses each are kept, and no more can be derived later: --count for more"
    what = f"a mnemonic (BIP-39) with{'' if passphrase else 'out'} a passphrase"
    return Found(kind=WalletKind.SEED, what=what, branches=tuple(branches), said=(said,) if fixed else ())


class _Root:
    """The private keys of a mnemonic, for as long as its branches are made."""

    def __init__(self, seed: bytes, options: Options) -> None:
        self._options = options
        self._bip32 = wallycore.bip32_key_from_seed(seed, wallycore.BIP32_VER_MAIN_PRIVATE, 0)
        self._ed25519 = ed25519_master(seed)
        self._fingerprint = bytes(wallycore.bip32_key_get_fingerprint(self._bip32)).hex()
        self._public_keys = cache(self._public_key)  # chains of one coin type share them

    def branches(self, chain: Chain, style: str) -> Iterator[Branch]:
        """All branches of one style."""
        coin = family_of(chain).params(chain).coin_type
        account = (PURPOSE + H, coin + H, H)
        if chain.family is Family.BITCOIN:
            yield from self._scripts(chain, coin, style)
        elif chain.family is Family.SOLANA:
            to_key, before, after = {
                BIP44_CHANGE: (self._ed25519_key, account[:2], (H,)),
                BIP44: (self._ed25519_key, account[:2], ()),
                SOLLET_LEGACY: (self._sollet_key, (coin + H,), (0, 0)),
            }[style]
            yield self._given(
                chain, style, before, after, lambda steps: str(Pubkey(crypto_sign_seed_keypair(to_key(steps))[0]))
            )
        elif style == LEDGER_LIVE:
            encode = family_of(chain).encoder(chain, None)
            yield self._given(chain, style, account[:2], (0, 0), lambda steps: encode(self._public_keys(steps)))
        else:
            for number in range(self._options.accounts or 1 if style == BIP44 else 1):
                steps = (*account[:2], number + H)
                yield self._kept(chain, style, steps, () if style == LEDGER_LEGACY else (0,), ("", ""))

    def _scripts(self, chain: Chain, coin: int, style: str) -> Iterator[Branch]:
        script = next(script for script in BY_SCRIPT if BY_SCRIPT[script] == style)
        if self._options.script in (None, script):
            purpose = family_of(chain).purposes(chain)[script]
            for number in range(self._options.accounts or ACCOUNTS):
                steps = (purpose + H, coin + H, number + H)
                for change in (0, 1):
                    dormant = number > 0 and self._options.accounts is None
                    yield self._kept(chain, style, steps, (change,), FUNCTIONS[script], dormant=dormant)

    def _kept(
        self,
        chain: Chain,
        style: str,
        account: tuple[int, ...],
        steps: tuple[int, ...],
        functions: tuple[str, str],
        *,
        dormant: bool = False,
    ) -> Branch:
        """A branch whose source is the public key of its account."""
        testnet = chain.family is Family.BITCOIN and chain.network is Network.TESTNET
        expression = f"[{self._fingerprint}{below(account)}]{self._account_key(account, testnet)}{below(steps)}/*"
        return branch(
            chain,
            expression.join(functions),
            self._options,
            role=Role.CHANGE if steps == (1,) else Role.RECEIVE,
            style=style,
            path=f"m{below((*account, *steps), APOSTROPHE)}/{{}}",
            account=account[2] - H,
            dormant=dormant,
        )

    def _given(
        self,
        chain: Chain,
        style: str,
        before: tuple[int, ...],
        after: tuple[int, ...],
        address: Callable[[tuple[int, ...]], str],
    ) -> Branch:
        """A branch of addresses alone: the step of each is hardened."""
        return Branch(
            chain=chain.id,
            role=Role.RECEIVE,
            style=style,
            path=f"m{below(before, APOSTROPHE)}/{{}}'{below(after, APOSTROPHE)}",
            addresses=tuple(address((*before, position + H, *after)) for position in range(self._options.first)),
            gap=self._options.gap,
        )

    def _account_key(self, steps: tuple[int, ...], testnet: bool) -> str:
        key = wallycore.bip32_key_from_parent_path(self._bip32, list(steps), wallycore.BIP32_FLAG_KEY_PUBLIC)
        return core(
            wallycore.bip32_key_serialize(key, wallycore.BIP32_FLAG_KEY_PUBLIC), Network.TESTNET if testnet else Network.MAINNET
        )

    def _public_key(self, steps: tuple[int, ...]) -> bytes:
        return bytes(wallycore.bip32_key_get_pub_key(wallycore.bip32_key_from_parent_path(self._bip32, list(steps), CHILD)))

    def _ed25519_key(self, steps: tuple[int, ...]) -> bytes:
        node = self._ed25519
        for step in steps:
            node = hardened_child(node, step - H)
        return node[0]

    def _sollet_key(self, steps: tuple[int, ...]) -> bytes:
        """BIP-32's private key, of another curve, as the seed of an ed25519 key (github.com/project-serum/spl-token-wallet)."""
        key = wallycore.bip32_key_from_parent_path(self._bip32, list(steps), wallycore.BIP32_FLAG_KEY_PRIVATE)
        return bytes(wallycore.bip32_key_get_priv_key(key))
