"""Every exception becomes one problem: a status, a stable code, a sentence."""

import msgspec
import pytest
from litestar.exceptions import HTTPException, NotFoundException, ValidationException

from hdscan.model.errors import InputError, ScanRefused, StoreError
from hdscan.web.problem import CODES, Envelope, Problem


def body(problem: Problem) -> Envelope:
    return msgspec.json.decode(problem.body, type=Envelope)


@pytest.mark.parametrize(
    ("error", "status", "code", "message"),
    [
        (InputError("no such chain"), 422, "bad_input", "no such chain"),
        (ScanRefused("nothing to retry"), 422, "scan", "nothing to retry"),
        (StoreError("the disk is full"), 503, "store", "the disk is full"),
        (NotFoundException("there is no scan 9"), 404, "not_found", "there is no scan 9"),
        (ValidationException(extra=[{"key": "limit", "message": "too high"}]), 422, "bad_input", "limit: too high"),
        (RecursionError(), 400, "bad_request", "the body is not JSON: no UTF-8 text, or nested too deep"),
        (HTTPException(status_code=418), 500, "internal", "a defect in hdscan (HTTPException)"),
        (ValueError("a secret"), 500, "internal", "a defect in hdscan (ValueError)"),
    ],
)
def test_an_exception_becomes_a_problem(error: Exception, status: int, code: str, message: str) -> None:
    problem = Problem.of(error)
    assert problem.status == status
    assert (body(problem).error.code, body(problem).error.message) == (code, message)


def test_a_problem_stays_itself() -> None:
    problem = Problem(409, "scan 7 is running", code="running", detail={"scan_id": 7})
    assert Problem.of(problem) is problem
    assert body(problem).error.detail == {"scan_id": 7}


@pytest.mark.parametrize("status", CODES)
def test_the_headers_follow_from_the_status(status: int) -> None:
    headers = dict(Problem(status, "no").headers)
    assert headers[b"content-type"] == b"application/json"
    assert (b"www-authenticate" in headers) is (status == 401)
    assert (b"allow" in headers) is (status == 405)
    assert (headers.get(b"connection") == b"close") is (status in (408, 413, 500))


def test_a_key_in_a_message_is_masked() -> None:
    key = "zpub6jftahH18ngZxLmXaKw3GSZzZsszmt9WqedkyZdezFtWRFBZqsQH5hyUmb4pCEeZGmVfQuP5bedXTB8is6fTv19U1GQRyQUKQGUTzyHACMF"
    assert key.encode() not in Problem(422, f"{key} is no chain", code="bad_input").body
