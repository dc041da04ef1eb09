"""The simulation bites: some defects that are put into the product are found within a few seeds, the others by `__main__`."""

from pathlib import Path

import pytest

from tests.simulation.mutations import PATCHES, applied, hunt

QUICK = ("double-rate", "totals-before-commit")


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_the_patch_still_fits(patch: Path, tmp_path: Path) -> None:
    applied(patch, tmp_path)


@pytest.mark.parametrize("name", QUICK)
def test_a_defect_is_found(name: str) -> None:
    (patch,) = (patch for patch in PATCHES if patch.stem == name)
    assert hunt(patch, seeds=30).seeds is not None
