"""The wallet of an extended public key, which names neither its coin nor, if it begins with xpub, its script."""

from hdscan.chains import Script, family_of
from hdscan.keys.branch import APOSTROPHE, PURPOSE, account_of, branch, path_of, role_of
from hdscan.keys.derive import FUNCTIONS
from hdscan.keys.expression import KeyExpression, Paths, below, read
from hdscan.keys.extended import HARDENED
from hdscan.keys.options import Options
from hdscan.keys.styles import BIP44, BY_SCRIPT, LEDGER_LEGACY, LEDGER_LIVE, chosen_style
from hdscan.keys.target import chains_of, coin_of
from hdscan.model.chain import Chain
from hdscan.model.errors import InputError, KeyFault
from hdscan.model.wallet import Branch, Found, WalletKind

_BY_PURPOSE = {44: Script.P2PKH, 49: Script.P2SH_P2WPKH, 84: Script.P2WPKH, 86: Script.P2TR}
_OF_MULTISIGS = (45, 48, 87)  # purposes (BIP-45, 48, 87)
BOTH: Paths = ((0,), (1,))  # receiving and change


def of_key(
    expression: str, options: Options, *, script: Script | None = None, name: str | None = None, what: str | None = None
) -> Found:
    """The wallet of an extended public key, with its origin and path where they are known (BIP-380).

    `script` is what its source says of it; the prefix (SLIP-0132) and the purpose of the origin (BIP-43) say it, too. Raises
    KeyFault or InputError, which never repeat the key.
    """
    key = read(expression)
    prefix = key.key.prefix
    if key.key.multisig:
        raise KeyFault(
            f"{key.key.named} is one key of a multisig wallet: give the wallet's descriptor or export, which has all of them"
        )
    origin = key.origin[1] if key.origin else ()
    if origin and origin[0] - HARDENED in _OF_MULTISIGS and not (script or options.script):
        raise KeyFault(
            f"{key.key.named} at m/{origin[0] - HARDENED}' is one key of a multisig wallet: give the wallet's descriptor or "
            "export, which has all of them, or --script if it is used alone"
        )
    chains, said = chains_of(options, key.key, coin_of(origin))
    by_origin = _BY_PURPOSE.get(origin[0] - HARDENED) if origin else None
    if key.origin and len(origin) != key.key.depth:
        unlike = f"the origin has {len(origin)} steps, and the key is of depth {key.key.depth}: one of the two is wrong"
        said = (*said, f"{unlike}, and the paths that are shown may be")
    branches: list[Branch] = []
    for chain in chains:
        scripts = _scripts(chain, key, options, script or by_origin)
        if len(scripts) > 1:
            kinds = ", ".join(str(each) for each in scripts)
            who = f"{key.key.named} {'of this origin' if origin else 'without its origin'}"
            said = (*said, f"{who} does not say its kind of address: all are looked at ({kinds}; --script)")
        for each in scripts:
            branches += _branches(chain, key, each, options, alone=len(scripts) == 1)
    return Found(
        kind=WalletKind.KEY,
        name=name,
        what=what or f"an extended public key ({prefix})",
        branches=tuple(branches),
        said=tuple(dict.fromkeys(said)),
    )


def _scripts(chain: Chain, key: KeyExpression, options: Options, said: Script | None) -> tuple[Script | None, ...]:
    """The scripts to look at: the one that is known, or all of the chain's; None stands for the only form of address."""
    has, style = family_of(chain).purposes(chain), chosen_style(options, chain)
    if not has:
        if options.script:
            raise InputError(f"a script is chosen for Bitcoin only; {chain.id} has one form of address")
        return (None,)
    chosen = options.script or next((script for script in BY_SCRIPT if BY_SCRIPT[script] == style), None)
    by_prefix = key.key.script
    if chosen and by_prefix and chosen is not by_prefix:
        raise KeyFault(f"{key.key.named} is of {by_prefix} addresses: leave --script {chosen} out, or give the other key")
    script = chosen or by_prefix or said
    if script is None:
        return tuple(each for each in BY_SCRIPT if each in has)
    if script not in has:
        raise KeyFault(f"{chain.id} has no {script} addresses")
    return (script,)


def _branches(chain: Chain, key: KeyExpression, script: Script | None, options: Options, *, alone: bool) -> list[Branch]:
    before, after = FUNCTIONS[script] if script else ("", "")
    found = []
    for steps in _paths(chain, key, script if alone else None, options):
        legacy = script is None and not steps and key.key.depth == 3
        found.append(
            branch(
                chain,
                f"{before}{key.text(steps)}{after}",
                options,
                role=role_of(key, steps),
                style=BY_SCRIPT[script] if script else LEDGER_LEGACY if legacy else BIP44,
                path=path_of(chain, key, steps, script if alone else None),
                account=account_of(key),
            )
        )
    return found


def _paths(chain: Chain, key: KeyExpression, script: Script | None, options: Options) -> Paths:
    """The steps below the key, one list for each branch: those that are written, or those of the key's depth."""
    scripts = family_of(chain).purposes(chain)
    if key.ranged:
        written = key.paths
        alone = scripts and len(written) == 1 and written[0]
        return (written[0], (*written[0][:-1], 1 - written[0][-1])) if alone and written[0][-1] in (0, 1) else written
    if key.paths != ((),):
        raise KeyFault("the path below the key does not end in /*: give the key alone, or a descriptor of the one address")
    depth, child = key.key.depth, key.key.child
    if depth == 4 and child in (0, 1):
        return ((),)
    if depth == 3 and child >= HARDENED:
        if scripts:
            return BOTH
        style = chosen_style(options, chain)
        if style == LEDGER_LIVE:
            raise KeyFault(
                "Ledger Live has an account for every address: give the xpub of each, the addresses, or the mnemonic"
            )
        return ((),) if style == LEDGER_LEGACY else ((0,),)
    if depth <= 1 and scripts and script:
        return BOTH  # Electrum's, whose addresses are right below
    if depth == 4 and child >= HARDENED and options.script:
        return BOTH  # of m/48'
    raise KeyFault(_depth(chain, key, script))


def _depth(chain: Chain, key: KeyExpression, script: Script | None) -> str:
    """Why nothing is derived from a key of this depth."""
    family = family_of(chain)
    scripts = family.purposes(chain)
    depth, purpose = key.key.depth, (scripts[script] if script else 84) if scripts else PURPOSE
    account = f"m/{purpose}'/{family.params(chain).coin_type}'/0'"
    if depth <= 1 and scripts:
        return (
            f"the key is of depth {depth}, and an account's ({account}) is of depth 3; "
            "give --script if it is Electrum's, whose addresses are right below it"
        )
    last = below((key.key.child,), hardened=APOSTROPHE)[1:]
    return f"the key is of depth {depth} and its last step is {last}; give that of an account ({account}, depth 3)"
