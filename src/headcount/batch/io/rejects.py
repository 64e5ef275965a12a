"""Rejects: what becomes of rows that cannot be events.

There are two answers. Either the first bad row is the end of the matter, told together with
how many more there are; or bad rows are left out and kept, each with its reason, so that
somebody can mend them.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from headcount.batch.io.blocks import Block, Complaint, Mask
from headcount.errors import BadInput

_KEPT_IN_MEMORY = 1 << 20
_ENCODER = msgspec.json.Encoder()


class BadRowsEndIt:
    """Bad rows are refused. The first is remembered, the others are counted."""

    def __init__(self) -> None:
        self._found = 0
        self._first: dict[str, str] = {}

    @property
    def count(self) -> int:
        return 0

    def hopeless(self) -> bool:
        """Whether nothing that is read from now on will be used."""
        return self._found > 0

    def take(self, block: Block, complaints: Sequence[Complaint]) -> Mask:
        """Note the bad rows of a block and say which they are."""
        bad = _any_of(complaints)
        if not self._found:
            row = int(bad.argmax())
            place = f"{block.origin.unit} {block.origin.number(row):,}"
            self._first = {
                "reason": _reason(complaints, row),
                "where": block.origin.where,
                "place": place,
            }
        self._found += int(bad.sum())
        return bad

    def finish(self) -> None:
        """All has been read. Raises `BadInput` if any of it was bad."""
        if self._found:
            raise BadInput(**self._first, more=self._found - 1)


class BadRowsAreKept:
    """Bad rows are left out, and kept with their reasons: in memory while they are few, then on disk."""

    def __init__(self) -> None:
        self.count = 0
        self._lines = tempfile.SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY)  # noqa: SIM115 (lives as long as this)

    def hopeless(self) -> bool:
        return False

    def take(self, block: Block, complaints: Sequence[Complaint]) -> Mask:
        """Keep the bad rows of a block and say which they are."""
        bad = _any_of(complaints)
        rows = np.flatnonzero(bad).tolist()
        self._lines.write(_ENCODER.encode_lines([_told(block, complaints, row) for row in rows]))
        self.count += len(rows)
        return bad

    def finish(self) -> None:
        """All has been read, and that is all."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Each bad row: `file`, `row` or `line`, `reason`, and `event` or `text` as it stood there."""
        self._lines.seek(0)
        yield from (msgspec.json.decode(line) for line in self._lines)

    def write(self, path: Path) -> None:
        """Write them as NDJSON, one line for each bad row."""
        self._lines.seek(0)
        with path.open("wb") as file:
            shutil.copyfileobj(self._lines, file)
        self._lines.seek(0, 2)


Rejects = BadRowsEndIt | BadRowsAreKept


def _any_of(complaints: Sequence[Complaint]) -> Mask:
    return reduce(np.logical_or, (complaint.rows for complaint in complaints))


def _reason(complaints: Sequence[Complaint], row: int) -> str:
    return next(complaint.reason(row) for complaint in complaints if complaint.rows[row])


def _told(block: Block, complaints: Sequence[Complaint], row: int) -> dict[str, Any]:
    origin = block.origin
    return {
        "file": origin.where,
        origin.unit: origin.number(row),
        "reason": _reason(complaints, row),
        **origin.original(row),
    }
