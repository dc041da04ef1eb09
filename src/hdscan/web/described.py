"""The API's description of itself: OpenAPI 3.1, with every error that it answers in the one envelope."""

from importlib.metadata import version
from typing import Any

from litestar import Controller, Request, get
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.spec import Components, SecurityScheme

from hdscan.web.problem import CODES, Envelope


def errors(*more: int) -> dict[int, ResponseSpec]:
    """What any route may answer in place of what it is asked for, and what this one may."""
    return {
        status: ResponseSpec(Envelope, generate_examples=False, description=MEANINGS[status])
        for status in sorted({400, 401, 421, 500, *more})
    }


MEANINGS = {status: code.replace("_", " ") for status, code in CODES.items()}
MEANINGS |= {409: "a scan is running, or none is", 422: "what cannot be done, and why", 503: "the database cannot be used"}
READS = errors(422, 503)
CHANGES = errors(403, 408, 409, 413, 415, 422, 503)


class Described(Controller):
    """The description as a route, in place of Litestar's own, which are pages that load scripts from elsewhere."""

    path = "/api/v1"

    @get("/openapi.json", include_in_schema=False, sync_to_thread=False)
    def schema(self, request: Request[Any, Any, Any]) -> dict[str, Any]:
        """OpenAPI 3.1."""
        return request.app.openapi_schema.to_schema()


def description() -> OpenAPIConfig:
    """What Litestar is to describe, and where."""
    config = OpenAPIConfig(
        title="hdscan",
        version=version("hdscan"),
        components=Components(security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer")}),
        security=[{"bearer": []}],
        use_handler_docstrings=True,
    )
    # a plain controller where an OpenAPIController is declared: that one answers pages that load scripts, and errors in HTML.
    # Set late, for the constructor warns of it
    config.openapi_controller = Described  # type: ignore[assignment]
    return config
