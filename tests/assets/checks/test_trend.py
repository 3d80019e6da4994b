"""The plot of a stage's last runs, read from where the Dagster UI shows it."""

import base64
import re
from xml.etree import ElementTree

from assets.checks.trend import plot_trend
from tests.profiles import prices_profile

SVG = "{http://www.w3.org/2000/svg}"


def _read(markdown: str) -> list[tuple[str, float, list[float]]]:
    """Return title, scale and values of each line, as its points are drawn."""
    (picture,) = re.findall(r"\(data:image/svg\+xml;base64,([^)]+)\)", markdown)
    root = ElementTree.fromstring(base64.b64decode(picture))  # noqa: S314 - our own
    texts = [str(one.text) for one in root.iter(f"{SVG}text")]
    lines = []
    for number, line in enumerate(root.iter(f"{SVG}polyline")):
        title, high, low, *_ = texts[5 * number :]
        heights = [float(point.split(",")[1]) for point in line.attrib["points"].split()]
        scale = (float(high) - float(low)) / (98.0 - 24.0)
        values = [float(low) + scale * (98.0 - height) for height in heights]
        lines.append((title, float(high), [round(value, 1) for value in values]))
    return lines


def test_the_plot_has_memory_and_throughput_oldest_first():
    runs = [
        prices_profile(memory_growth_mb=growth, succeeded=100, wall_seconds=seconds)
        for growth, seconds in ((8.0, 1.0), (-2.0, 4.0), (4.0, 2.0))
    ]
    shown = plot_trend(runs)["last_runs"].value
    assert shown.startswith("![the last 3 runs, the newest on the right]")
    assert _read(shown) == [
        ("memory growth, MB", 8.0, [4.0, -2.0, 8.0]),
        ("symbols per second", 100.0, [50.0, 25.0, 100.0]),
    ]


def test_runs_that_all_grew_by_nothing_are_a_flat_line():
    runs = [prices_profile(memory_growth_mb=0.0, succeeded=0, wall_seconds=1.0)] * 2
    lines = _read(plot_trend(runs)["last_runs"].value)
    assert [values for _, _, values in lines] == [[0.0, 0.0], [0.0, 0.0]]


def test_one_run_is_no_trend():
    unmeasured = prices_profile(wall_seconds=0.0)
    assert plot_trend([prices_profile(), unmeasured]) == {}
