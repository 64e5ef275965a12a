"""Types of options: times, durations and sizes with their unit, percentages.

Responsible for reading values and for their error messages. Must not know commands.
"""

from fractions import Fraction
from typing import Any

import click

from headcount.kernel.events import Ms
from headcount.timestamps import InvalidTimestamp, parse_plausible_timestamp
from headcount.units import InvalidQuantity, parse_duration, parse_size


class _Time(click.ParamType):  # type: ignore[type-arg]  # older versions of click are not generic
    """Time: RFC 3339 with its zone, or milliseconds since 1970. The value is in ms."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Ms:
        try:
            return parse_plausible_timestamp(str(value))
        except InvalidTimestamp as error:
            self.fail(f"'{value}' {error}", param, ctx)


class _Duration(click.ParamType):  # type: ignore[type-arg]  # likewise
    """Duration with its unit, like 10s. The value is in ms."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Ms:
        try:
            return parse_duration(str(value))
        except InvalidQuantity as error:
            self.fail(f"'{value}' {error}", param, ctx)


class _Size(click.ParamType):  # type: ignore[type-arg]  # likewise
    """Size with its unit, like 4GB. The value is in bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_size(str(value))
        except InvalidQuantity as error:
            self.fail(f"'{value}' {error}", param, ctx)


class _Percent(click.ParamType):  # type: ignore[type-arg]  # likewise
    """Percentage from 0% to 100%. The value is a ratio."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        text = str(value).strip()
        try:
            ratio = Fraction(text.removesuffix("%").strip()) / 100
        except (ValueError, ZeroDivisionError):
            ratio = Fraction(-1)
        if not text.endswith("%") or not 0 <= ratio <= 1:
            self.fail(f"'{value}' must be a percentage from 0% to 100%, like 50%", param, ctx)
        return ratio


TIME = _Time()
DURATION = _Duration()
SIZE = _Size()
PERCENT = _Percent()
