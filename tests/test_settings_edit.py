"""Tokens come into a user's file and go from it, and every other byte stays."""

import stat
import tomllib
from pathlib import Path

import pytest

from hdscan.model.errors import ConfigError
from hdscan.settings.edit import rewrite, token_rows, with_token, without_token

ROW = {
    "chain": "bsc",
    "network": "mainnet",
    "symbol": "DOGE",
    "contract": "0xbA2aE424d960c26247Dd6c32edC70B295c744C43",
    "decimals": 8,
}
WRITTEN = (
    '[[token]]\nchain = "bsc"\nnetwork = "mainnet"\nsymbol = "DOGE"\n'
    'contract = "0xbA2aE424d960c26247Dd6c32edC70B295c744C43"\ndecimals = 8\n'
)
OWN = """\
# my wallet     \t
log_level   =  "warning" # quiet

  [scan]
chunk = 100   # small

[[token]] # first
chain="bsc"
symbol = 'A' # [[token]] is a word
contract = "0x0000000000000000000000000000000000000001"
decimals = 1

# a host of mine, and not about the token above
[[endpoint]]
name = "e"
url = "https://example.org/[[token]]"

\t[[ token ]]
symbol = "B"
# inside
chain = "bsc"
decimals = 0x02
# the end
"""


def test_a_row_is_added_at_the_end_and_nothing_else_changes() -> None:
    edited = with_token(OWN, ROW)
    assert edited == OWN + "\n" + WRITTEN
    assert tomllib.loads(edited)["token"][-1] == ROW


@pytest.mark.parametrize(("text", "expected"), [("", WRITTEN), ("a = 1", "a = 1\n\n" + WRITTEN), ("#x", "#x\n\n" + WRITTEN)])
def test_an_empty_file_and_one_without_a_last_line_break_are_files_too(text: str, expected: str) -> None:
    assert with_token(text, ROW) == expected


def test_the_line_breaks_of_the_file_are_kept() -> None:
    edited = with_token(OWN.replace("\n", "\r\n"), ROW)
    assert edited.replace("\r\n", "") == with_token(OWN, ROW).replace("\n", "")
    assert "\n" not in edited.replace("\r\n", "")
    assert without_token(edited, 2) == OWN.replace("\n", "\r\n")


@pytest.mark.parametrize("text", [OWN, "", "a = 1\n", OWN.rstrip("\n") + "\n\n\n"])
def test_what_was_added_is_taken_out_without_a_trace(text: str) -> None:
    assert without_token(with_token(text, ROW), len(token_rows(text))) == text


def test_a_row_between_others_takes_nothing_with_it_but_its_own_lines() -> None:
    lines = OWN.splitlines(keepends=True)
    assert without_token(OWN, 0) == "".join(lines[:5] + lines[11:])
    assert without_token(OWN, 1) == "".join(lines[:16] + lines[-1:])


def test_what_looks_like_a_row_within_a_text_is_none() -> None:
    text = 'db = """\n[[token]]\n"""\n[[token]]\nchain = "bsc"\nsymbol = "A"\n'
    with pytest.raises(ConfigError, match="by hand"):
        without_token(text, 0)


@pytest.mark.parametrize("text", ['token = [{chain = "a"}]\n', "token = []\n"])
def test_tokens_in_a_list_are_left_to_the_user(text: str) -> None:
    with pytest.raises(ConfigError, match="by hand"):
        with_token(text, ROW)


def test_a_list_of_tokens_loses_none() -> None:
    with pytest.raises(ConfigError, match="by hand"):
        without_token('token = [{chain = "a"}]\n', 0)


def test_a_new_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "hdscan.toml"
    rewrite(path, lambda text: text + "a = 1\n")
    assert path.read_bytes() == b"a = 1\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["hdscan.toml"]


def test_mode_link_and_byte_order_mark_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "dotfiles.toml", tmp_path / "hdscan.toml"
    path.write_bytes(b"\xef\xbb\xbf# \xc3\xa4\r\n")
    path.chmod(0o640)
    link.symlink_to("dotfiles.toml")
    rewrite(link, lambda text: text + "a = 1\r\n")
    assert link.readlink() == Path("dotfiles.toml")
    assert path.read_bytes() == b"\xef\xbb\xbf# \xc3\xa4\r\na = 1\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_change_that_fails_leaves_the_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "hdscan.toml"
    path.write_text("a = 1\n")

    def fail(text: str) -> str:
        raise ConfigError("no")

    with pytest.raises(ConfigError, match=r"hdscan\.toml cannot be changed: no"):
        rewrite(path, fail)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("hdscan.toml", "a = 1\n")]


def test_what_an_editor_saves_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "hdscan.toml"
    path.write_text("a = 1\n")

    def change(text: str) -> str:
        path.write_text("a = 2\n")
        return text + "b = 1\n"

    with pytest.raises(ConfigError, match="another program"):
        rewrite(path, change)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("hdscan.toml", "a = 2\n")]


def test_two_at_once_never_lose_a_change(tmp_path: Path) -> None:
    path = tmp_path / "hdscan.toml"

    def change(text: str) -> str:
        with pytest.raises(ConfigError, match="another hdscan"):
            rewrite(path, lambda text: "lost")
        return "kept"

    rewrite(path, change)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("hdscan.toml", "kept")]


def test_what_the_system_refuses_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "hdscan.toml").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"hdscan\.toml cannot be changed: Is a directory"):
        rewrite(tmp_path / "hdscan.toml", str)
    with pytest.raises(ConfigError, match=r"hdscan\.toml cannot be written: File exists"):
        rewrite(tmp_path / "file" / "hdscan.toml", str)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "hdscan.toml"]
