"""Makes an address canonical, or says what is wrong with it."""

from hdscan.chains import FAMILIES, family_of
from hdscan.keys.secret import recognise
from hdscan.model.chain import Chain
from hdscan.model.errors import InputError


def canonical(chain: Chain, text: str) -> str:
    """The one form in which an address of this chain is kept.

    Raises InputError, whose sentence never holds the text; it recognises secrets and addresses of other families.
    """
    try:
        return family_of(chain).canonical(chain, text)
    except InputError:
        better = recognise(text) or _another_family(chain, text)
        if better:
            raise InputError(better) from None
        raise


def _another_family(chain: Chain, text: str) -> str | None:
    own = family_of(chain)
    other = next((family for family in FAMILIES.values() if family.form.fullmatch(text)), None)
    if other is None or own.form.fullmatch(text):
        return None
    return f"looks like {other.article} address where {own.article} address is expected"
