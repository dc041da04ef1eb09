"""The API's description: docs/api.md tells the same, and whatever is asked by it is answered by it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hdscan.web.api import make_app
from hdscan.web.problem import CODES
from tests.cli.conftest import Hdscan
from tests.web.conftest import DEADLINE, TOKEN, Server, served, settings_of

DOCUMENT = (Path(__file__).parent.parent.parent / "docs" / "api.md").read_text(encoding="utf-8")
# routes need no wallet to be described
DESCRIPTION = msgspec.json.decode(msgspec.json.encode(make_app(None, None, None).openapi_schema.to_schema()))
EVENTS = "/api/v1/events"  # a stream has no end to wait for; its tests are in test_stream.py
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def documented() -> dict[tuple[str, str], set[str]]:
    """(method, path) -> names of the query's parameters, by the table of requests."""
    table = DOCUMENT.partition("## Requests")[2].partition("\n\n`items`")[0]
    calls = re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^ `?]*)(?:\?([a-z_&]+))?", table) + re.findall(
        r"(?<=, )`()(/[a-z]+)()`", table
    )
    return {(method or "GET", path.replace("{id}", "{scan_id}")): set(query.split("&")) - {""} for method, path, query in calls}


def described() -> dict[tuple[str, str], set[str]]:
    """The same by the description."""
    return {
        (method.upper(), path): {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"}
        for path, operations in DESCRIPTION["paths"].items()
        for method, operation in operations.items()
    }


def test_every_route_and_parameter_is_documented_and_no_other() -> None:
    told = documented()
    assert told.keys() == described().keys()
    told["GET", EVENTS].add("last_event_id")  # told in the text about the stream
    assert "`?last_event_id=`" in DOCUMENT
    assert told == described()


def test_every_error_code_is_documented_and_no_other() -> None:
    table = DOCUMENT.partition("| status | codes |")[2].partition("## Events")[0]
    told = {status: re.findall("`([a-z_]+)`", line) for status, line in re.findall(r"(?m)^\| ([0-9, ]+) \|(.*)\|$", table)}
    codes = {code for each in told.values() for code in each}
    assert codes == {*CODES.values(), "running", "not_running", "bad_input", "bad_key", "scan", "store"}
    assert {status: told[str(status)] for status in CODES if status != 500} == {
        status: [code] for status, code in CODES.items() if status != 500
    }


def test_every_error_is_described_as_the_envelope() -> None:
    for operations in DESCRIPTION["paths"].values():
        for operation in operations.values():
            errors = {status: each for status, each in operation["responses"].items() if int(status) >= 400}
            assert errors.keys() >= {"400", "401", "421"}
            for each in errors.values():
                assert each["content"] == {"application/json": {"schema": {"$ref": "#/components/schemas/Envelope"}}}


def test_the_description_is_served(empty: Server) -> None:
    assert empty.get("/api/v1/openapi.json").json == DESCRIPTION
    assert DESCRIPTION["openapi"].startswith("3.1.")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two addresses, and providers that nobody reaches."""
    with served(settings_of(Hdscan(tmp_path_factory.mktemp("described")))) as server:
        text = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4\n1BoatSLRHtKNngkdXEeobR76b53LETtpyT"
        assert server.post("/api/v1/wallets", {"text": text, "name": "list"}).status == 200
        yield server


SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
OPERATIONS = [each.ok() for each in SCHEMA.get_all_operations() if each.ok().path != EVENTS]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.label)
def test_whatever_is_asked_is_answered_as_described(server: Server, operation: Any, mode: GenerationMode) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis_settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Case) -> None:
        response = case.call(base_url=server.base, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=DEADLINE)
        case.validate_response(response, checks=CHECKS)
        if response.status_code >= 400:
            assert set(response.json()) == {"error"}
            assert set(response.json()["error"]) == {"code", "message", "detail"}

    ask()
