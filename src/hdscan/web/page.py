"""The dashboard's files: read once, served by exact name, so that no path escapes the folder."""

from importlib.resources import files
from pathlib import PurePath

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


FILES = {
    file.name: (file.read_bytes(), KINDS[suffix])
    for file in files("hdscan").joinpath("web/static").iterdir()
    if (suffix := PurePath(file.name).suffix) in KINDS
}


@get(["/", "/static/{name:str}"], include_in_schema=False, sync_to_thread=False)
def dashboard(name: FromPath[str] = "index.html") -> Response[bytes]:
    """A file of the dashboard."""
    if name not in FILES:
        raise NotFoundException("there is no such file")
    content, kind = FILES[name]
    return Response(content, media_type=kind)
