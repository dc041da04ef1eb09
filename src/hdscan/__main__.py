"""Runs the command line: `python -m hdscan`."""

from hdscan.cli import main

main()
