"""The pictures are as they were looked at: `pytest --rewrite` draws them anew. Look at the diff, in a browser."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from support.chart_samples import PICTURES
from support.svg import SPACE, assert_it_stays_inside, parsed

HERE = Path(__file__).parent
STYLE = (files("headcount.dashboard") / "static/charts.css").read_text("utf-8")


@pytest.fixture(scope="session", autouse=True)
def _redrawn_if_asked(request):
    if request.config.getoption("rewrite"):
        for name, svg in PICTURES.items():
            (HERE / f"{name}.svg").write_text(svg.replace("><", ">\n<") + "\n")


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_is_as_it_was_looked_at(name):
    assert PICTURES[name].replace("><", ">\n<") + "\n" == (HERE / f"{name}.svg").read_text()


def test_there_is_no_picture_of_which_nobody_knows():
    assert {path.stem for path in HERE.glob("*.svg")} == set(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_says_what_it_is_to_those_who_do_not_see_it(name):
    root = parsed(PICTURES[name])
    told, described = root.get("aria-labelledby").split()
    assert root.find(f"{SPACE}title").get("id") == told
    assert root.find(f"{SPACE}title").text
    assert root.find(f"{SPACE}desc").get("id") == described
    assert root.find(f"{SPACE}desc").text
    # What can be focused is hidden from readers of the screen within an 'img'.
    can_be_focused = any(one.get("tabindex") for one in root.iter())
    assert root.get("role") == ("group" if can_be_focused else "img")


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_stays_within_its_frame(name):
    assert_it_stays_inside(parsed(PICTURES[name]))


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_has_no_colour_and_no_style_of_its_own_but_classes_that_the_stylesheet_has(name):
    for one in parsed(PICTURES[name]).iter():
        assert not set(one.keys()) & {"style", "stroke", "stop-color", "color"}
        assert one.tag not in {f"{SPACE}style", f"{SPACE}script"}
        assert one.get("fill", "url(#").startswith("url(#")
        assert not any(key.startswith("on") for key in one.keys())  # noqa: SIM118 - an element is no dict
    used = {kind for kinds in re.findall(r'class="([^"]+)"', PICTURES[name]) for kind in kinds.split()}
    assert {kind for kind in used if f".{kind}" not in STYLE} <= {"chart-row", "chart-hover"} & used


@pytest.mark.parametrize("name", PICTURES)
def test_numbers_have_two_digits_at_most_behind_the_point(name):
    assert not re.search(r'(?:x|y|width|height|d|x1|cx)="[^"]*\d\.\d{3}', PICTURES[name])


def test_the_stylesheet_takes_all_colours_from_the_house():
    assert not re.search(r"#[0-9a-f]{3}|rgb|hsl", STYLE, re.IGNORECASE)
    known = {"ink", "ink-soft", "ink-faint", "paper", "paper-raised", "line", "accent", "accent-soft", "warn", "good", "bad"}  # fmt: skip
    assert set(re.findall(r"var\(--([a-z-]+)", STYLE)) <= known
