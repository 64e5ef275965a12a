"""Handling of invalid rows: refused, or skipped and collected.

Responsible for the error of the first invalid row with the number of all others, and for a list of invalid rows with
their reasons, for correction. Must not know why a row is invalid.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from headcount.batch.io.blocks import Block, Mask, Problem
from headcount.errors import BadInput

_BYTES_IN_MEMORY = 1 << 20
_ENCODER = msgspec.json.Encoder()


class RefuseInvalidRows:
    """Makes the reading fail if there are invalid rows. Stores the first and counts the others."""

    def __init__(self) -> None:
        self._found = 0
        self._first: dict[str, str] = {}

    @property
    def count(self) -> int:
        return 0

    def fails(self) -> bool:
        """Return whether the reading fails, so that no more rows will be used."""
        return self._found > 0

    def add(self, block: Block, problems: Sequence[Problem]) -> Mask:
        """Add the invalid rows of a block, and return which they are."""
        invalid = _any_of(problems)
        if not self._found:
            row = int(invalid.argmax())
            place = f"{block.origin.unit} {block.origin.number(row):,}"
            self._first = {
                "reason": _reason(problems, row),
                "where": block.origin.where,
                "place": place,
            }
        self._found += int(invalid.sum())
        return invalid

    def finish(self) -> None:
        """Raise `BadInput` if any row was invalid, after all have been read."""
        if self._found:
            raise BadInput(**self._first, more=self._found - 1)


class CollectInvalidRows:
    """Collects invalid rows with their reasons, in memory while they are few, then on disk."""

    def __init__(self) -> None:
        self.count = 0
        self._lines = tempfile.SpooledTemporaryFile(max_size=_BYTES_IN_MEMORY)  # noqa: SIM115 (lives as long as this)

    def fails(self) -> bool:
        return False

    def add(self, block: Block, problems: Sequence[Problem]) -> Mask:
        """Add the invalid rows of a block, and return which they are."""
        invalid = _any_of(problems)
        rows = np.flatnonzero(invalid).tolist()
        self._lines.write(_ENCODER.encode_lines([_row_object(block, problems, row) for row in rows]))
        self.count += len(rows)
        return invalid

    def finish(self) -> None:
        """Do nothing: invalid rows do not make the reading fail."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each invalid row: `file`, `row` or `line`, `reason`, and `event` or `text` as in the file."""
        self._lines.seek(0)
        yield from (msgspec.json.decode(line) for line in self._lines)

    def write(self, path: Path) -> None:
        """Write the rows as NDJSON, one line each."""
        self._lines.seek(0)
        with path.open("wb") as file:
            shutil.copyfileobj(self._lines, file)
        self._lines.seek(0, 2)


Rejects = RefuseInvalidRows | CollectInvalidRows


def _any_of(problems: Sequence[Problem]) -> Mask:
    return reduce(np.logical_or, (problem.rows for problem in problems))


def _reason(problems: Sequence[Problem], row: int) -> str:
    return next(problem.reason(row) for problem in problems if problem.rows[row])


def _row_object(block: Block, problems: Sequence[Problem], row: int) -> dict[str, Any]:
    origin = block.origin
    return {
        "file": origin.where,
        origin.unit: origin.number(row),
        "reason": _reason(problems, row),
        **origin.original(row),
    }
