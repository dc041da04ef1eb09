from hdscan.app.wallet import open_wallet as open

__all__ = ["open"]
