"""SVG elements.

Responsible for escaping: `Markup` is escaped, and nothing else can be inside an element. Must not know what a chart shows.
Colors are classes of the style sheet.
"""

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Final, NamedTuple

from headcount.dashboard import formats
from headcount.dashboard.sanitize import harmless

Attributes = Mapping[str, str | float | None]
Value = str | int | float | None

_IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class Markup(str):
    """Text that is escaped SVG. Templates do not escape it again."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


class Rows(NamedTuple):
    """The data of a chart as a table, for people who cannot see it."""

    header: tuple[str, ...]
    rows: list[tuple[Value, ...]]


class Unit(NamedTuple):
    """The unit of a number: singular and plural."""

    singular: str
    plural: str

    def of(self, value: float) -> str:
        """Return a number with its unit: 1 meeting, 1,234 meetings."""
        return f"{formats.number(value)} {self.singular if value == 1 else self.plural}"


NOTHING: Final = Markup("")


def number(value: float) -> str:
    """Return a number for SVG, with at most two decimals."""
    short = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


def element(name: str, attributes: Attributes, *inside: Markup) -> Markup:
    """Return an element. Attributes that are None are skipped."""
    pairs = "".join(f' {key}="{_attribute(value)}"' for key, value in attributes.items() if value is not None)
    return Markup(f"<{name}{pairs}>{''.join(inside)}</{name}>" if inside else f"<{name}{pairs}/>")


def joined(pieces: Iterable[Markup]) -> Markup:
    """Return the concatenation of pieces."""
    return Markup("".join(pieces))


def text(content: str) -> Markup:
    """Return a text as escaped SVG."""
    return Markup(escape(harmless(content), quote=False))


def title(content: str) -> Markup:
    """Return a title: the tooltip of an element, and what screen readers read."""
    return element("title", {}, text(content))


def label(content: str, x: float, y: float, kind: str = "chart-label", anchor: str | None = None) -> Markup:
    """Return a text at a position. `anchor` is middle or end if x is not its start."""
    return element("text", {"class": kind, "x": x, "y": y, "text-anchor": anchor}, text(content))


def rectangle(kind: str, x: float, y: float, width: float, height: float, *inside: Markup) -> Markup:
    place = {"x": x, "y": y, "width": max(width, 0), "height": max(height, 0)}
    return element("rect", {"class": kind, **place}, *inside)


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return element("path", {"class": kind, "d": f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}"})


def chart_svg(
    name: str,
    size: tuple[float, float],
    texts: tuple[str, str],
    *inside: Markup,
    role: str = "img",
    kind: str = "chart",
    attributes: Attributes | None = None,
) -> Markup:
    """Return a complete SVG. `name` is an id that is unique on the page. `texts` are title and description.

    The role of a chart with focusable elements is 'group': an 'img' hides its content from screen readers.
    """
    assert _IDENTIFIER.fullmatch(name), name
    width, height = size
    title_text, description = texts
    return element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": kind,
            "viewBox": f"0 0 {number(width)} {number(height)}",
            "width": width,
            "height": height,
            "role": role,
            "aria-labelledby": f"{name}-title {name}-desc",
            **(attributes or {}),
        },
        element("title", {"id": f"{name}-title"}, text(title_text)),
        element("desc", {"id": f"{name}-desc"}, text(description)),
        *inside,
    )


def _attribute(value: str | float | None) -> str:
    return escape(harmless(value)) if isinstance(value, str) else number(value or 0)
