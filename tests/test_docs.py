"""The documentation is tested: what it lists is what there is."""

import re
from pathlib import Path

import msgspec
import pytest

from hdscan.settings import load, template
from hdscan.settings.load import VARIABLES, Places
from hdscan.settings.schema import CanaryRow, ChainRow, EndpointRow, ScanSettings, TokenRow, TopLevel

ROOT = Path(__file__).parent.parent
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
TABLES = {
    "Top level": TopLevel,
    "`[scan]`": ScanSettings,
    "`[[endpoint]]`": EndpointRow,
    "`[[chain]]`": ChainRow,
    "`[[token]]`": TokenRow,
    "`[[canary]]`": CanaryRow,
}


def rows(heading: str) -> dict[str, list[str]]:
    """The table under a heading: first cell (without backticks) -> the other cells."""
    section = re.split(r"(?m)^#{2,3} ", CONFIGURATION.partition(f"# {heading}\n")[2])[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return {cells[0].strip(" `"): [cell.strip() for cell in cells[1:]] for cells in lines[2:]}


@pytest.mark.parametrize(("heading", "kind"), TABLES.items())
def test_every_key_is_documented_with_its_default_and_no_other(heading: str, kind: type[msgspec.Struct]) -> None:
    documented = rows(heading)
    assert set(documented) == set(kind.__struct_fields__)
    for field in msgspec.structs.fields(kind):
        default = documented[field.name][1]
        if field.required:
            assert default == "required"
        elif field.default is not None:
            assert default.strip("`") == msgspec.json.encode(field.default).decode()
        else:
            assert not default.startswith("`")


def test_every_variable_is_documented_and_no_other() -> None:
    assert set(rows("Environment")) == set(VARIABLES)


def test_the_template_names_every_key() -> None:
    for kind in TABLES.values():
        for key in set(kind.__struct_fields__) - {"genesis"}:
            assert re.search(rf"(?m)^#{key} = ", template()), key


def test_the_examples_are_valid(tmp_path: Path) -> None:
    examples = re.findall(r"(?s)```toml\n(.*?)```", CONFIGURATION)
    assert examples
    for example in examples:
        (tmp_path / "hdscan.toml").write_text(example, encoding="utf-8")
        load(None, {}, {}, tmp_path, Places(data=tmp_path))


def test_links_between_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
