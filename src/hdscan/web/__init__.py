"""The HTTP API, its event stream and the dashboard."""

from hdscan.web.server import Binding, serve

__all__ = ["Binding", "serve"]
