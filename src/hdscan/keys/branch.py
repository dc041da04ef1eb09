"""Makes the branches of a wallet from what they are derived from."""

from collections.abc import Sequence

from hdscan.chains import Script, family_of
from hdscan.keys.derive import derive
from hdscan.keys.expression import KeyExpression, below
from hdscan.keys.extended import HARDENED
from hdscan.keys.options import Options
from hdscan.model.chain import Chain
from hdscan.model.wallet import Branch, Role

APOSTROPHE = "'"  # of hardened steps, as paths are shown
PURPOSE = 44  # the purpose of paths where scripts are not chosen


def branch(
    chain: Chain,
    source: str,
    options: Options,
    *,
    role: Role,
    style: str,
    path: str | None,
    account: int = 0,
    dormant: bool = False,
) -> Branch:
    """A branch with its first addresses, or none if it is dormant."""
    return Branch(
        chain=chain.id,
        role=role,
        style=style,
        account=account,
        path=path,
        source=None if options.forget else source,
        addresses=() if dormant else tuple(derive(chain, source, 0, options.first)),
        gap=options.gap,
        dormant=dormant,
    )


def role_of(key: KeyExpression, steps: Sequence[int]) -> Role:
    """Change if the last step before the wildcard is 1, else receiving (BIP-44)."""
    last = steps[-1] if steps else key.key.child if key.key.depth == 4 else 0
    return Role.CHANGE if last == 1 else Role.RECEIVE


def account_of(key: KeyExpression) -> int:
    """The account of a key: the third step of its origin, or the last of its own, if that is hardened (BIP-44); else 0."""
    step = key.origin[1][2] if key.origin and len(key.origin[1]) > 2 else key.key.child if key.key.depth == 3 else 0
    return max(step - HARDENED, 0)


def path_of(chain: Chain, key: KeyExpression, steps: Sequence[int], script: Script | None) -> str | None:
    """The path of a branch as far as it is known: a key names neither its purpose nor its coin, and its origin does.

    `script` is the key's, None where it may be any.
    """
    if key.origin:
        return f"m{below((*key.origin[1], *steps), hardened=APOSTROPHE)}/{{}}"
    depth, last = key.key.depth, below((key.key.child,), hardened=APOSTROPHE)
    family = family_of(chain)
    scripts = family.purposes(chain)
    purpose = (scripts[script] if script else "?") if scripts else PURPOSE
    account = f"m/{purpose}'/{family.params(chain).coin_type}'"
    before = {0: "m", 1: f"m{last}", 3: f"{account}{last}", 4: f"{account}/?'{last}"}.get(depth)
    return None if before is None else f"{before}{below(steps, hardened=APOSTROPHE)}/{{}}"
