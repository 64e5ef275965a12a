"""Named SQL statements.

Responsible for reading `sql/*.sql`, one file for each store module, and for the forms in which the two databases
take a statement. Each statement follows a line `-- name: NAME` and is written once, with `:name` where a value goes.
Must not know connections, or what a statement means.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import Any

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_ROW = re.compile(r"values (\((?:\?(?:, )?)+\))")
_INSERT = re.compile(r"insert into (\w+) \(([^)]*)\)")
_CHANGE = re.compile(
    r"(?P<verb>update (?P<updated>\w+)\s+set (?P<set>\w+ = \?(?:,\s+\w+ = \?)*)|delete from (?P<deleted>\w+))"
    r"\s+where (?P<where>\w+ = \?(?:\s+and \w+ = \?)*)"
)
_EQUAL = re.compile(r"(\w+) = \?")
_JSON_FUNCTIONS = {"json_group_array(": "json_agg(", "json_array(": "json_build_array("}
"""PostgreSQL's names of SQLite's functions."""
_VALUE = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")


@cache
def statement(name: str) -> str:
    """Return the statement `name` as SQLite reads it. Raise `LookupError` if no file has it."""
    try:
        return statements()[name]
    except KeyError:
        raise LookupError(f"no file of store/sql has a statement '{name}'") from None


@cache
def statements() -> dict[str, str]:
    """Return all statements by name, read once per process. Raise `LookupError` if two have the same name."""
    found: dict[str, str] = {}
    for file in (files("headcount.store") / "sql").iterdir():
        if file.name.endswith(".sql"):
            for name, text in parse(file.read_text("utf-8")).items():
                if name in found:
                    raise LookupError(f"{file.name}: there are two statements '{name}'")
                found[name] = text
    return found


def parse(text: str) -> dict[str, str]:
    """Return the statements of one file by name. Raise `LookupError` if two have the same name."""
    _, *parts = _NAME.split(text)
    found = {name: part.strip() for name, part in zip(parts[::2], parts[1::2], strict=True)}
    if len(found) < len(parts) // 2:
        raise LookupError("there are two statements of the same name")
    return found


def with_lists(name: str, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the statement `name` and its values for `Connection.rows_of`, each list as single values.

    `in (:ids)` becomes `in (:ids_0, :ids_1)`; for an empty list it becomes `in (null)`, which nothing matches.
    """
    lists = {key: len(value) for key, value in values.items() if isinstance(value, list)}
    text = _VALUE.sub(lambda value: _as_many(value[1], lists.get(value[1])), statement(name))
    single = {key: value for key, value in values.items() if key not in lists}
    return text, single | {f"{key}_{n}": value for key in lists for n, value in enumerate(values[key])}


def with_keys(text: str, keys: Sequence[Sequence[Any]]) -> tuple[str, dict[str, Any]]:
    """Return a statement about these keys, which stand for `{keys}` in it, each as single values, and its values."""
    whole, names = _with_names(text, len(keys), len(keys[0]))
    return whole, dict(zip(names, chain.from_iterable(keys), strict=True))


@cache
def _with_names(text: str, rows: int, width: int) -> tuple[str, list[str]]:
    """Return a statement about a number of keys, and the names of their values in order."""
    names = [[f"v_{n}_{k}" for k in range(width)] for n in range(rows)]
    marks = (", ".join(f":{name}" for name in row) for row in names)
    return text.format(keys="values " + ", ".join(f"({mark})" for mark in marks)), [
        *chain.from_iterable(names)
    ]


def _as_many(key: str, number: int | None) -> str:
    if number is None:
        return f":{key}"
    return ", ".join(f":{key}_{n}" for n in range(number)) or "null"


@cache
def insert_many(text: str, rows: int) -> str:
    """Return an insert of one row as an insert of `rows` rows."""
    return _ROW.sub(lambda row: f"values {', '.join([row[1]] * rows)}", text)


@cache
def insert_target(text: str) -> tuple[str, str]:
    """Return the table and the columns of an insert."""
    found = _INSERT.search(text)
    assert found is not None
    return found[1], " ".join(found[2].split())


@cache
def bulk_target(text: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the table and the column of each value of a statement that `bulk` can convert; None for any other."""
    if is_insert(text):
        table, inserted = insert_target(text)
        return table, tuple(inserted.split(", "))
    found = _CHANGE.fullmatch(text)
    columns = tuple(_EQUAL.findall(text))
    if found is None or len(columns) > len(set(columns)):
        return None
    return found["updated"] or found["deleted"], columns


def bulk(text: str, types: Sequence[str]) -> str:
    """Return a statement about one row as PostgreSQL's statement about many, given an array of each column's values.

    It is an insert, or an update or delete with a column for each value. `types` are those of the columns.
    """
    arrays = f"unnest({', '.join(f'cast(? as {one}[])' for one in types)})"
    target = bulk_target(text)
    assert target is not None
    table, columns = target
    if is_insert(text):
        return _ROW.sub(f"select * from {arrays}", text)  # noqa: S608 - our own
    found = _CHANGE.fullmatch(text)
    assert found is not None
    where = _EQUAL.sub(rf"{table}.\1 = given.\1", found["where"])
    given = f"{arrays} as given ({', '.join(columns)})\nwhere {where}"
    if found["deleted"]:
        return f"{found['verb']}\nusing {given}"
    changes = _EQUAL.sub(r"\1 = given.\1", found["set"])
    return f"update {table}\nset {changes}\nfrom {given}"


def is_insert(text: str) -> bool:
    """Return whether it is an insert with values by position."""
    return _ROW.search(text) is not None


@cache
def for_postgres(text: str) -> str:
    """Return the same statement with values as psycopg expects them."""
    for name, other in _JSON_FUNCTIONS.items():
        text = text.replace(name, other)
    return _VALUE.sub(r"%(\1)s", text.replace("%", "%%")).replace("?", "%s")
