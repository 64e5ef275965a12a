"""Content of an SVG chart: elements, lines, coordinates."""

import re

from defusedxml import ElementTree

SPACE = "{http://www.w3.org/2000/svg}"
_COMMAND = re.compile(r"([MLHVZ])([^MLHVZ]*)")


def parse(svg):
    """Return the chart as a tree. Raise ParseError if it is not well formed."""
    return ElementTree.fromstring(svg)


def all_of(root, name, kind=None):
    """Return all visible elements of a name, and of a class."""
    hidden = {id(one) for defs in root.iter(f"{SPACE}defs") for one in defs.iter()}
    return [
        one
        for one in root.iter(SPACE + name)
        if id(one) not in hidden and (kind is None or kind in one.get("class", "").split())
    ]


def points(path):
    """Yield the corners of a path of straight lines."""
    x = y = 0.0
    for command, numbers in _COMMAND.findall(path):
        values = [float(value) for value in numbers.split()]
        if command == "H":
            x = values[0]
        elif command == "V":
            y = values[0]
        elif command != "Z":
            x, y = values
        yield x, y


def corners(root):
    """Yield the corners of all visible elements."""
    for box in all_of(root, "rect"):
        x, y, width, height = (float(box.get(key)) for key in ("x", "y", "width", "height"))
        assert width >= 0
        assert height >= 0
        yield from ((x, y), (x + width, y + height))
    for path in all_of(root, "path"):
        yield from points(path.get("d"))
    for words in all_of(root, "text"):
        yield float(words.get("x")), float(words.get("y"))
    for dot in all_of(root, "circle"):
        yield float(dot.get("cx")), float(dot.get("cy"))


def assert_inside_frame(root):
    _, _, width, height = map(float, root.get("viewBox").split())
    for x, y in corners(root):
        assert -0.01 <= x <= width + 0.01, x
        assert -0.01 <= y <= height + 0.01, y


def texts_of(root):
    """Return all texts, titles and descriptions of a chart."""
    return ["".join(one.itertext()) for name in ("text", "title", "desc") for one in root.iter(SPACE + name)]
