"""What the global options say: which configuration, which database, which log."""

from pathlib import Path

import msgspec
import typer

from hdscan.app import Settings, Wallet, configure
from hdscan.cli import log
from hdscan.cli.live import Display, Picture, display


class Session(msgspec.Struct, frozen=True):
    """The global options of one call; None where not given."""

    config: Path | None = None
    db: str | None = None
    log_level: str | None = None
    log_json: bool | None = None

    def settings(self) -> Settings:
        """The settings in force, with the log set up by them."""
        settings = configure(self.db, self.config, log_level=self.log_level, log_json=self.log_json)
        log.configure(settings.log_level.value, as_json=settings.log_json)
        return settings

    def display(self, settings: Settings) -> Display:
        """What a scan is shown on; above a picture only warnings are logged, unless a level was asked for."""
        shown = display(log_json=settings.log_json)
        if isinstance(shown, Picture) and self.log_level is None and settings.log_level.value == "info":
            log.configure("warning", as_json=False)
        return shown

    def wallet(self) -> Wallet:
        """The wallet, its database made where there is none."""
        return Wallet(self.settings())

    def reader(self) -> Wallet:
        """The wallet for reading only; StoreError where there is no database."""
        return Wallet(self.settings(), create=False)


def session(context: typer.Context) -> Session:
    """The session of a command's context."""
    found = context.find_object(Session)
    return found if found is not None else Session()
