"""The one form of every error, and its stable codes.

status  code                     when
400     bad_request              the request cannot be read
401     unauthorized             neither token nor cookie
403     forbidden                another site's page asks
404     not_found                no such route or thing
405     method_not_allowed
408     timeout                  a body that does not come
409     running, not_running     a scan is running; none is
413     too_large                a body over 1 MiB
415     unsupported_media_type   a body that is not JSON
421     misdirected              a Host that is not ours
422     bad_input, scan          what the command line would refuse
500     internal                 a defect
503     store                    the database cannot be read or written
"""

import msgspec

CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "too_large",
    415: "unsupported_media_type",
    421: "misdirected",
    500: "internal",
}


class Fault(msgspec.Struct, frozen=True):
    """What went wrong: a stable code, a sentence, and what belongs to it."""

    code: str
    message: str
    detail: object = None


class Envelope(msgspec.Struct, frozen=True):
    """The body of every answer that is an error."""

    error: Fault
