"""The settings of this process, with the protocols of installed packages."""

import os
from pathlib import Path

from hdscan.provider.registry import REGISTRY
from hdscan.settings import Settings, load


def configure(
    db: str | None = None, config: str | Path | None = None, *, log_level: str | None = None, log_json: bool | None = None
) -> Settings:
    """The settings in force; what is not given comes from the environment and the configuration files. Raises ConfigError."""
    flags = {"db": db, "log_level": log_level, "log_json": log_json}
    return load(None if config is None else Path(config), flags, os.environ, Path.cwd(), protocols=REGISTRY)
