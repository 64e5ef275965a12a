"""List of erasures: a file outside of the store that names erased people by keyed hashes.

A store that is restored from a backup, or filled again by an import, reads from it who was erased since. The first line has
the key of the hashes, and each other line one request, as JSON.

Responsible for the file. Must not know how people are erased.
"""

import os
from collections.abc import Iterable, Sequence
from errno import ENOSPC
from pathlib import Path
from typing import Final

import msgspec

from headcount.errors import BadInput, CannotWrite
from headcount.kernel.events import Ms
from headcount.store.data_subjects import SelectorKind
from headcount.store.database import file_of
from headcount.store.erasures import Erasure, Mode
from headcount.store.sqlite import give_to_owner

_SUFFIX: Final = ".erasures"


class _Head(msgspec.Struct):
    key: str


class _Line(msgspec.Struct):
    id: str
    domain: str
    mode: Mode
    kind: SelectorKind
    attribute: str
    digest: str
    until: Ms
    requested: Ms
    requested_by: str


class ErasureList:
    """The list in a file, which is created with the first request."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self) -> None:
        """Raise `BadInput` if the list cannot be read, and `CannotWrite` if it cannot be written."""
        self._read()
        if not os.access(self._path if self._path.exists() else self._path.parent, os.W_OK):
            raise CannotWrite(str(self._path), "no such directory, or permission denied")

    def missing(self, known: Sequence[Erasure], own_key: str) -> list[Erasure]:
        """Return the requests of the list that a store does not have. `own_key` is the key of its own hashes."""
        head, lines = self._read()
        if head is None:
            return []
        ids = {one.id for one in known}
        key = None if head.key == own_key else head.key
        return [
            Erasure(
                0, one.id, one.domain, one.mode, one.kind, one.attribute, one.digest, None, one.until, one.requested,
                one.requested_by, list_key=key,
            )
            for one in lines
            if one.id not in ids
        ]  # fmt: skip

    def add(self, erasures: Iterable[Erasure], own_key: str) -> None:
        """Append the requests that the list does not have, durably. Requests of other stores stay in their own lists."""
        head, lines = self._read()
        ids = {one.id for one in lines}
        key = own_key if head is None else head.key
        new = [
            _Line(
                one.id, one.domain, one.mode, one.kind, one.attribute, one.digest, one.until, one.requested,
                one.requested_by,
            )
            for one in erasures
            if one.id not in ids and (one.list_key or own_key) == key
        ]  # fmt: skip
        if not new:
            return
        rows: list[msgspec.Struct] = [] if head is not None else [_Head(key)]
        data = msgspec.json.Encoder().encode_lines([*rows, *new])
        try:
            self._append(data)
        except OSError as error:
            raise CannotWrite(str(self._path), error.strerror or str(error)) from error

    def _append(self, data: bytes) -> None:
        """Append all of the data, or nothing."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if not size:
                give_to_owner(descriptor, self._path)
            is_whole = False
            try:
                written = os.write(descriptor, data)
                os.fsync(descriptor)
                is_whole = written == len(data)
            finally:
                if not is_whole:
                    os.ftruncate(descriptor, size)
            if not is_whole:
                raise OSError(ENOSPC, os.strerror(ENOSPC))
        finally:
            os.close(descriptor)

    def _read(self) -> tuple[_Head | None, list[_Line]]:
        try:
            head, *lines = self._path.read_bytes().splitlines()
        except (FileNotFoundError, ValueError):
            return None, []
        except OSError as error:
            raise BadInput(f"cannot be read: {error.strerror}", where=str(self._path)) from error
        try:
            return msgspec.json.decode(head, type=_Head), [
                msgspec.json.decode(one, type=_Line) for one in lines
            ]
        except msgspec.MsgspecError as error:
            raise BadInput(
                f"is no list of erasures: {error}. Restore the list from a copy, or name another file with erasure_list",
                where=str(self._path),
            ) from error


def find_list(setting: str, database_url: str) -> ErasureList | None:
    """Return the list of a database: in the file that is set, or beside an SQLite database. None if there is neither."""
    path = file_of(database_url)
    if setting:
        return ErasureList(Path(setting))
    return None if path is None else ErasureList(path.with_name(path.name + _SUFFIX))
