from xml.etree import ElementTree

import pytest

from tests.soak.plot import POINTS, Sample, slope, svg


def samples(grows: float) -> list[Sample]:
    return [Sample(5.0 * number, 100 + grows * number, 30, 7, 1000 * number) for number in range(2000)]


def test_a_line_that_grows_has_its_slope_per_hour_and_a_flat_one_none() -> None:
    assert slope(samples(0.01), "memory") == pytest.approx(0.01 * 3600 / 5)
    assert slope(samples(0.0), "memory") == pytest.approx(0.0)
    assert slope(samples(0.0)[:1], "memory") == 0.0


def test_the_picture_is_small_and_names_what_it_shows() -> None:
    drawn = svg(samples(0.01), "hdscan & 500,000 addresses")
    root = ElementTree.fromstring(drawn)
    lines = [each.get("points", "") for each in root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert len(lines) == 4
    assert all(len(line.split()) <= POINTS for line in lines)
    assert len(drawn) < 20_000
    assert "memory, MiB" in drawn
