"""What a browser or a program sees: the HTTP API, its events, the dashboard."""

from hdscan.web.server import Address, serve

__all__ = ["Address", "serve"]
