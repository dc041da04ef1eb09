"""Makes an address canonical, or says what is wrong with it."""

from hdscan.chains import FAMILIES, family_of
from hdscan.keys.secret import recognise
from hdscan.model.chain import Chain
from hdscan.model.errors import InputError


def canonical(chain: Chain, text: str) -> str:
    """The one form in which an address of this chain is kept.

    Raises InputError, whose sentence never holds the text; it recognises secrets and addresses of other families.
    """
    own = family_of(chain)
    try:
        return own.canonical(chain, text)
    except InputError:
        if secret := recognise(text):
            raise InputError(secret) from None
        other = next((family for family in FAMILIES.values() if family.form.fullmatch(text)), None)
        if other and not own.form.fullmatch(text):
            raise InputError(f"looks like {other.article} address where {own.article} address is expected") from None
        raise
