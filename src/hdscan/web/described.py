"""The OpenAPI 3.1 description of the API, with its errors."""

from importlib.metadata import version
from typing import Any

from litestar import Controller, Request, get
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.spec import Components, SecurityScheme

from hdscan.web.problem import CODES, Envelope


def errors(*more: int) -> dict[int, ResponseSpec]:
    """The errors that every route may return, and `more`."""
    return {
        status: ResponseSpec(Envelope, generate_examples=False, description=MEANINGS[status])
        for status in sorted({400, 401, 421, 500, *more})
    }


MEANINGS = {status: code.replace("_", " ") for status, code in CODES.items()}
MEANINGS |= {409: "a scan is running, or none is", 422: "the input cannot be used", 503: "the database cannot be used"}
READS = errors(422, 503)
CHANGES = errors(403, 408, 409, 413, 415, 422, 503)


class Described(Controller):
    """Serves the description in place of Litestar's pages, which load scripts from other hosts."""

    path = "/api/v1"

    @get("/openapi.json", include_in_schema=False, sync_to_thread=False)
    def schema(self, request: Request[Any, Any, Any]) -> dict[str, Any]:
        """OpenAPI 3.1."""
        return request.app.openapi_schema.to_schema()


def description() -> OpenAPIConfig:
    """Litestar's OpenAPI settings."""
    config = OpenAPIConfig(
        title="hdscan",
        version=version("hdscan"),
        components=Components(security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer")}),
        security=[{"bearer": []}],
        use_handler_docstrings=True,
    )
    # set late, as the constructor warns about it
    config.openapi_controller = Described  # type: ignore[assignment] # an OpenAPIController serves pages, and errors in HTML
    return config
