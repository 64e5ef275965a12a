"""Errors: what can go wrong that is not a mistake of ours.

The tree is small on purpose. Whoever catches `HeadcountError` catches all that the
project raises about the world; the message is one sentence that says what, where and
what to do.
"""


class HeadcountError(Exception):
    """Something outside the product stands in the way."""


class BadInput(HeadcountError):
    """The caller's fault: what was given cannot be read as events.

    `reason` says what is wrong; `where` names the file, if it is about one; `place` the
    row or line within it, if it is about one; `more` counts the other bad rows.
    """

    def __init__(self, reason: str, *, where: str = "", place: str = "", more: int = 0) -> None:
        self.reason = reason
        self.where = where
        self.place = place
        self.more = more
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        position = ", ".join(part for part in (self.where, self.place) if part)
        sentence = f"{position}: {self.reason}" if position else self.reason
        if not self.more:
            return sentence
        return f"{sentence} (and {self.more:,} more bad row{'s' if self.more > 1 else ''})"


class MalformedJson(BadInput):
    """The text is not JSON."""


class TooLarge(BadInput):
    """More was given at once than is accepted."""


class MissingExtra(HeadcountError):
    """What was asked for needs packages that are not installed."""

    def __init__(self, extra: str, package: str = "") -> None:
        cause = f" ('{package}' is missing)" if package else ""
        super().__init__(
            f"this needs more packages{cause}: install them with pip install 'headcount[{extra}]'"
        )


class CannotWrite(HeadcountError):
    """What was worked out has no place to stand."""

    def __init__(self, where: str, cause: str) -> None:
        super().__init__(f"{where}: cannot be written: {cause.lower()}")
