"""Drawing: pieces of SVG, in which any text is only ever a text.

What is `Markup` has been escaped, and nothing else can be put into an element. Colours are classes: the
stylesheet has them. Knows nothing of meetings.
"""

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Final, NamedTuple

from headcount.dashboard.sanitize import harmless

Attributes = Mapping[str, str | float | None]
Value = str | int | float | None

_IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class Markup(str):
    """Text that is SVG already. Templates that escape by themselves leave it as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


class Rows(NamedTuple):
    """What a picture shows, for those who do not see it: the cells of a table."""

    header: tuple[str, ...]
    rows: list[tuple[Value, ...]]


class Unit(NamedTuple):
    """What is counted."""

    one: str
    many: str

    def of(self, value: float) -> str:
        """A number with its word: 1 meeting, 1,234 meetings."""
        return f"{said(value)} {self.one if value == 1 else self.many}"


NOTHING: Final = Markup("")


def said(value: float) -> str:
    """A number for people, with one digit behind the point where it is not whole."""
    return f"{int(value):,}" if value == int(value) else f"{value:,.1f}"


def number(value: float) -> str:
    """A number for SVG: two digits at most behind the point."""
    short = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


def element(name: str, attributes: Attributes, *inside: Markup) -> Markup:
    """An element of SVG. An attribute that is None is left out."""
    given = "".join(f' {key}="{_attribute(value)}"' for key, value in attributes.items() if value is not None)
    return Markup(f"<{name}{given}>{''.join(inside)}</{name}>" if inside else f"<{name}{given}/>")


def joined(pieces: Iterable[Markup]) -> Markup:
    """Pieces, one after the other."""
    return Markup("".join(pieces))


def text(words: str) -> Markup:
    """Words as they are read, never as SVG."""
    return Markup(escape(harmless(words), quote=False))


def title(words: str) -> Markup:
    """What is shown of an element when somebody points at it, and read aloud in its place."""
    return element("title", {}, text(words))


def label(words: str, x: float, y: float, kind: str = "chart-label", anchor: str | None = None) -> Markup:
    """Words at a place; `anchor` is middle or end where x is not where they begin."""
    return element("text", {"class": kind, "x": x, "y": y, "text-anchor": anchor}, text(words))


def rectangle(kind: str, x: float, y: float, width: float, height: float, *inside: Markup) -> Markup:
    place = {"x": x, "y": y, "width": max(width, 0), "height": max(height, 0)}
    return element("rect", {"class": kind, **place}, *inside)


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return element("path", {"class": kind, "d": f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}"})


def picture(
    name: str,
    size: tuple[float, float],
    words: tuple[str, str],
    *inside: Markup,
    role: str = "img",
    kind: str = "chart",
    attributes: Attributes | None = None,
) -> Markup:
    """A whole SVG. `name` is an id that no other picture of the page has; `words` are a title and a description.

    The role of a picture in which something can be focused is 'group': an 'img' hides what is in it
    from those who do not see it.
    """
    assert _IDENTIFIER.fullmatch(name), name
    width, height = size
    told, described = words
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
        element("title", {"id": f"{name}-title"}, text(told)),
        element("desc", {"id": f"{name}-desc"}, text(described)),
        *inside,
    )


def _attribute(value: str | float | None) -> str:
    return escape(harmless(value)) if isinstance(value, str) else number(value or 0)
