"""The dashboard's files: read once, served by exact name, so that no path escapes the folder."""

from importlib.resources import files

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def load() -> dict[str, tuple[bytes, str]]:
    """Content and media type of every file, by name."""
    folder = files("hdscan").joinpath("web/static")
    found = {}
    for file in folder.iterdir():
        kind = next((kind for ending, kind in KINDS.items() if file.name.endswith(ending)), None)
        if kind is not None:
            found[file.name] = (file.read_bytes(), kind)
    return found


_FILES = load()


@get("/", include_in_schema=False, sync_to_thread=False)
def index() -> Response[bytes]:
    """The dashboard."""
    return _file("index.html")


@get("/static/{name:str}", include_in_schema=False, sync_to_thread=False)
def static(name: FromPath[str]) -> Response[bytes]:
    """A file of the dashboard."""
    return _file(name)


def _file(name: str) -> Response[bytes]:
    if name not in _FILES:
        raise NotFoundException("there is no such file")
    content, kind = _FILES[name]
    return Response(content, media_type=kind)
