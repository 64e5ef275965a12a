"""Errors that are not bugs of Headcount.

Responsible for the tree of exceptions: `HeadcountError` is the parent of all. A message is one sentence with what
happened, where, and how to fix it. Must not know HTTP or the command line.
"""


class HeadcountError(Exception):
    """An error caused from outside Headcount."""


class BadInput(HeadcountError):
    """Invalid input from the caller.

    `reason` is the problem; `where` the file, if there is one; `place` the row or line in it,
    if there is one; `more` the number of other invalid rows.
    """

    def __init__(self, reason: str, *, where: str = "", place: str = "", more: int = 0) -> None:
        self.reason = reason
        self.where = where
        self.place = place
        self.more = more
        super().__init__(self._message())

    def _message(self) -> str:
        position = ", ".join(part for part in (self.where, self.place) if part)
        message = f"{position}: {self.reason}" if position else self.reason
        if not self.more:
            return message
        return f"{message} (and {self.more:,} more invalid row{'s' if self.more > 1 else ''})"


class MalformedJson(BadInput):
    """A text that is not JSON."""


class TooLarge(BadInput):
    """More input at once than is accepted."""


class MissingExtra(HeadcountError):
    """A feature whose packages are not installed."""

    def __init__(self, extra: str, package: str = "", hint: str = "") -> None:
        cause = f" ('{package}' is missing)" if package else ""
        super().__init__(
            f"this needs more packages{cause}: install them with pip install 'headcount[{extra}]'{hint}"
        )


class CannotWrite(HeadcountError):
    """A file or directory that cannot be written."""

    def __init__(self, where: str, cause: str) -> None:
        super().__init__(f"{where}: cannot be written: {cause.lower()}")
