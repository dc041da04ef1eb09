"""What an error of a route becomes: a status, and the one envelope of `web.errors`."""

import re
import traceback
from typing import Any

import structlog
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.routes import HTTPRoute

from hdscan.app import masked
from hdscan.model.errors import InputError, ScanRefused, StoreError
from hdscan.web.errors import CODES, Envelope, Fault
from hdscan.web.guard import Refused
from hdscan.web.scans import ScanConflict

_log = structlog.get_logger()


class Refusal(Exception):
    """An answer that is an error of the API's own."""

    def __init__(self, status: int, fault: Fault) -> None:
        super().__init__(fault.message)
        self.status = status
        self.fault = fault


def refuse(request: Request[Any, Any, Any], error: Exception) -> Response[Envelope]:
    """Every error as the one envelope."""
    status, fault = _fault(error)
    fault = Fault(fault.code, masked(fault.message), fault.detail)  # it may repeat what was asked
    headers = {"allow": _methods(request)} if status == 405 else {}
    return Response(Envelope(fault), status_code=status, media_type=MediaType.JSON, headers=headers)


def _methods(request: Request[Any, Any, Any]) -> str:
    """What a 405 has to name (RFC 9110, section 15.5.6); Litestar does not."""
    path = "/" + "/".join(part for part in request.scope["path"].split("/") if part)
    for route in request.app.routes:
        pattern = re.sub(r"{\w+:int}", "-?[0-9]+", re.sub(r"{\w+:str}", "[^/]+", route.path))
        if isinstance(route, HTTPRoute) and re.fullmatch(pattern, path):
            return ", ".join(sorted(route.methods))
    return ""


def _fault(error: Exception) -> tuple[int, Fault]:
    found = 500, Fault("internal", f"a defect in hdscan ({type(error).__name__})")
    match error:
        case Refused():
            raise error  # the guard's
        case Refusal():
            found = error.status, error.fault
        case ScanConflict(scan_id=None):
            found = 409, Fault("not_running", "none of these chains is being scanned")
        case ScanConflict():
            found = 409, Fault("running", f"scan {error.scan_id} is running", {"scan_id": error.scan_id})
        case InputError() | ScanRefused():
            found = 422, Fault(error.code, str(error))
        case StoreError():
            found = 503, Fault("store", str(error))
        case ValidationException(extra=list(wrong)):
            found = 422, Fault("bad_input", "; ".join(f"{each['key']}: {each['message']}" for each in wrong))
        case UnicodeDecodeError() | RecursionError():  # the decoder's, which the framework doesn't take for a client's fault
            found = 400, Fault("bad_request", "the body is not JSON: no UTF-8 text, or nested too deep")
        case HTTPException(status_code=status) if status in CODES:
            found = status, Fault(CODES[status], error.detail)
        case _:
            at = "".join(traceback.format_tb(error.__traceback__)[-1:])
            _log.error("request_failed", defect=type(error).__name__, at=at)
    return found
