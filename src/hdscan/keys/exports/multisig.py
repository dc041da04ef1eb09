"""Descriptors of multisig wallets from their parts: a threshold, a kind of script and the signers' keys (BIP-67, BIP-383)."""

import msgspec

from hdscan.keys.descriptor import of_descriptor
from hdscan.keys.expression import read
from hdscan.keys.options import Options
from hdscan.model.errors import InputError
from hdscan.model.wallet import Found

MOST_SIGNERS = 20  # BIP-383
BOTH = "<0;1>/*"  # receiving and change addresses (BIP-389)
_WRAPPERS = {
    "p2wsh": "wsh({})",
    "p2sh-p2wsh": "sh(wsh({}))",
    "p2wsh-p2sh": "sh(wsh({}))",
    "p2sh": "sh({})",
}
_SINGLE = {
    "p2wpkh": "wpkh({})",
    "p2sh-p2wpkh": "sh(wpkh({}))",
    "p2pkh": "pkh({})",
    "p2tr": "tr({})",
}


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How many of which signers spend; `form` is the kind of script as files name it, `signers` are key expressions."""

    form: str
    threshold: int
    signers: tuple[str, ...]
    total: int | None = None  # as the file states it
    is_sorted: bool = True

    def __repr__(self) -> str:
        return f"<{self.threshold} of {len(self.signers)}>"


def of_policy(what: str, policy: Policy, options: Options, name: str | None) -> Found:
    """The wallet of a policy. Raises InputError or KeyFault, which never repeat a key."""
    signers, form = policy.signers, policy.form.strip().lower().replace("_", "-")
    if not 1 <= len(signers) <= MOST_SIGNERS:
        raise InputError(f"{what}: has {len(signers)} keys, and a multisig wallet has 1 to {MOST_SIGNERS}")
    if policy.total not in (None, len(signers)):
        raise InputError(f"{what}: says that there are {policy.total} signers, and has the keys of {len(signers)}")
    if not 1 <= policy.threshold <= len(signers):
        raise InputError(f"{what}: {policy.threshold} of {len(signers)} signatures is no policy")
    if len({read(signer).key.core for signer in signers}) < len(signers):
        raise InputError(f"{what}: has a key twice")
    if form in _SINGLE and len(signers) == 1:
        return of_descriptor(_SINGLE[form].format(f"{signers[0]}/{BOTH}"), options, name=name, what=what)
    if form not in _WRAPPERS:
        raise InputError(f"{what}: its kind of script is none of P2WSH, P2SH-P2WSH and P2SH")
    keys = ",".join(f"{signer}/{BOTH}" for signer in signers)
    script = f"{'sortedmulti' if policy.is_sorted else 'multi'}({policy.threshold},{keys})"
    return of_descriptor(_WRAPPERS[form].format(script), options, name=name, what=what)
