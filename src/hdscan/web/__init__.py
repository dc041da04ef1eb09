"""What a browser or a program sees: the HTTP API, its events, the dashboard."""

from hdscan.web.server import Binding, serve

__all__ = ["Binding", "serve"]
