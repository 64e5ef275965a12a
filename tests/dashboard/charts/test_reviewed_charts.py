"""Charts are the same as their reviewed files. `pytest --rewrite` writes the files: review the diff in a browser."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from support.chart_samples import CHARTS
from support.svg import SPACE, assert_inside_frame, parse

HERE = Path(__file__).parent
STYLE = (files("headcount.dashboard") / "static/charts.css").read_text("utf-8")


@pytest.fixture(scope="session", autouse=True)
def _rewrite_if_requested(request):
    if request.config.getoption("rewrite"):
        for name, svg in CHARTS.items():
            (HERE / f"{name}.svg").write_text(svg.replace("><", ">\n<") + "\n")


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_the_same_as_its_reviewed_file(name):
    assert CHARTS[name].replace("><", ">\n<") + "\n" == (HERE / f"{name}.svg").read_text()


def test_every_file_belongs_to_a_chart():
    assert {path.stem for path in HERE.glob("*.svg")} == set(CHARTS)


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_has_a_title_and_a_description(name):
    root = parse(CHARTS[name])
    title_id, description_id = root.get("aria-labelledby").split()
    assert root.find(f"{SPACE}title").get("id") == title_id
    assert root.find(f"{SPACE}title").text
    assert root.find(f"{SPACE}desc").get("id") == description_id
    assert root.find(f"{SPACE}desc").text
    # Focusable elements inside an 'img' are hidden from screen readers.
    can_be_focused = any(one.get("tabindex") for one in root.iter())
    assert root.get("role") == ("group" if can_be_focused else "img")


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_inside_its_frame(name):
    assert_inside_frame(parse(CHARTS[name]))


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_has_classes_of_the_style_sheet_and_no_colors(name):
    for one in parse(CHARTS[name]).iter():
        assert not set(one.keys()) & {"style", "stroke", "stop-color", "color"}
        assert one.tag not in {f"{SPACE}style", f"{SPACE}script"}
        assert one.get("fill", "url(#").startswith("url(#")
        assert not any(key.startswith("on") for key in one.keys())  # noqa: SIM118 - an element is no dict
    used = {kind for kinds in re.findall(r'class="([^"]+)"', CHARTS[name]) for kind in kinds.split()}
    assert {kind for kind in used if f".{kind}" not in STYLE} <= {"chart-row", "chart-hover"} & used


@pytest.mark.parametrize("name", CHARTS)
def test_numbers_have_at_most_two_decimals(name):
    assert not re.search(r'(?:x|y|width|height|d|x1|cx)="[^"]*\d\.\d{3}', CHARTS[name])


def test_the_style_sheet_takes_all_colors_from_variables():
    assert not re.search(r"#[0-9a-f]{3}|rgb|hsl", STYLE, re.IGNORECASE)
    known = {"ink", "ink-soft", "ink-faint", "paper", "paper-raised", "line", "accent", "accent-soft", "warn", "good", "bad"}  # fmt: skip
    assert set(re.findall(r"var\(--([a-z-]+)", STYLE)) <= known
