"""The command line starts and works where modules of one platform are missing: these are hidden from a real process."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hdscan.chains.keccak import keccak256
from tests.test_layout import SOURCE, imports

ABSENT = ("fcntl", "grp", "posix_ipc", "pwd", "resource", "sha3", "syslog", "termios", "tty", "uvloop")
HIDDEN = f"""
import sys
class Hider:
    def find_spec(self, name, path=None, target=None):
        frame = sys._getframe(1)
        while frame.f_globals["__name__"].startswith("importlib"):
            frame = frame.f_back
        # filelock has msvcrt where there is no fcntl, which cannot be shown here
        if name.partition(".")[0] in {ABSENT} and not frame.f_globals["__name__"].startswith("filelock."):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
for name in {ABSENT}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Hider())
"""


def hidden(code: str, *arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    (home / "sitecustomize.py").write_text(HIDDEN, encoding="utf-8")
    command = [sys.executable, "-c", code, *arguments]
    environ["PYTHONPATH"] = str(home)  # children hide them, too
    return subprocess.run(command, env=environ, cwd=home, capture_output=True, text=True, timeout=120, check=False)


def hdscan(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return hidden("from hdscan.cli import main; main()", *arguments, home=home)


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_module_needs_one_that_another_platform_lacks(path: Path) -> None:
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(statement, ast.Try | ast.With):  # where the import may fail
            assert not {name.split(".")[0] for name in imports(statement)} & {*ABSENT, "msvcrt", "winreg"}


@pytest.mark.parametrize("name", ABSENT)
def test_they_are_hidden(tmp_path: Path, name: str) -> None:
    assert "ModuleNotFoundError" in hidden(f"import {name}", home=tmp_path).stderr


@pytest.mark.parametrize("arguments", [["--help"], ["scan", "--help"], ["config", "show"]])
def test_a_command_starts(tmp_path: Path, arguments: list[str]) -> None:
    ended = hdscan(tmp_path, *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_addresses_are_derived_and_stored(tmp_path: Path) -> None:
    words = " ".join(["abandon"] * 11 + ["about"])
    (tmp_path / "seed").write_text(words, encoding="utf-8")
    (tmp_path / "seed").chmod(0o600)
    derived = hdscan(tmp_path, "add", "--chain", "bsc", "--path", "bip44", "--seed-file", "seed")
    assert (derived.returncode, derived.stderr) == (0, "")
    rows = [json.loads(line) for line in hdscan(tmp_path, "balances", "--jsonl").stdout.splitlines()]
    assert rows[0]["address"] == "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"
    assert {row["state"] for row in rows} == {"unread"}


def test_a_scan_reads_the_truth(tmp_path: Path) -> None:
    ended = hdscan(tmp_path, "demo", "--addresses", "5", "--faults", "none", "--json")
    assert ended.returncode == 0, ended.stderr
    assert {chain["wrong"] for chain in json.loads(ended.stdout)["chains"].values()} == {0}


def test_both_ways_to_keccak_say_the_same(tmp_path: Path) -> None:
    said = hidden("from hdscan.chains.keccak import keccak256; print(keccak256(b'abc').hex())", home=tmp_path)
    assert said.stdout.strip() == keccak256(b"abc").hex()
