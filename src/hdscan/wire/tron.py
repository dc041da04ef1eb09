"""Whether a Tron account exists, by what a node says of a transfer that is not made (java-tron's eth_estimateGas).

An account exists from the first TRX that it gets, or from the fee that somebody pays for it, and never ceases to. java-tron
(TronJsonRpcImpl.estimateGas, TransferActuator.validate) answers 0x0 where a transfer would be valid, and otherwise says why
not: first of all, that there is no such account. `/wallet/getaccount` would answer {} for that, as a broken host does for all.
"""

import re

import msgspec

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import ReadError
from hdscan.wire.jsonrpc import Answer, Call
from hdscan.wire.strict import decode, malformed

ESTIMATE = "eth_estimateGas"
NOBODY = "0x" + "00" * 20  # an account that is no contract

_ABSENT = re.compile(r"\bValidate TransferContract error, no OwnerAccount\b")
_POOR = re.compile(r"\bValidate TransferContract error, balance is not sufficient\b")
_text = msgspec.json.Decoder(str)


def account_call(address: str) -> Call:
    """The call that asks what a transfer of 1 sun from an address, 0x and 20 bytes, would cost."""
    return ESTIMATE, ({"from": address, "to": NOBODY, "value": "0x1"},)


def accounts(answer: Answer) -> int | ReadError:
    """Decode the number of accounts at an address, 1 or 0, from the reply to `account_call`; nothing but these words tells."""
    if isinstance(answer, ReadError):
        if answer.code is not ReadCode.ITEM_ERROR:
            return answer
        return 0 if _ABSENT.search(answer.message) else 1 if _POOR.search(answer.message) else answer
    try:
        if decode(_text, answer, "the result") != "0x0":
            raise malformed("a transfer is said to cost energy, which it never does")
    except CallError as error:
        return ReadError(error.fault, error.message)
    return 1
