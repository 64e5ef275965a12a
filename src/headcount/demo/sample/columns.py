"""Columns of a sample: from numbers to names, and from events to a table.

Responsible for names of rooms, connections and users. Must not know what people do.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headcount.demo.sample.world import KINDS, NOBODY, Events, Ints, Mask, World

SCHEMA: Final = pa.schema(
    [
        ("room", pa.dictionary(pa.int32(), pa.string())),
        ("participant_id", pa.string()),
        ("kind", pa.dictionary(pa.int32(), pa.string())),
        ("at", pa.timestamp("ms", tz="UTC")),
        ("user_id", pa.dictionary(pa.int32(), pa.string())),
        ("user_name", pa.dictionary(pa.int32(), pa.string())),
    ]
)
"""The columns of a sample, in order."""


def _words(text: str) -> list[str]:
    return text.split()


_ADJECTIVES: Final = _words("amber brisk calm daring eager fair gentle hidden ivory jolly keen lucid")
_NOUNS: Final = _words("review standup planning retro clinic lesson sync interview demo office lounge desk")
_FIRST_NAMES: Final = _words(
    "Ada Bo Chidi Dana Elif Femi Grace Hugo Ines Jun Kofi Lena Mei Noor Omar Pia "
    "Quinn Rosa Sami Tove Uma Vik Wren Ximena Yara Zoë"
)
_LAST_NAMES: Final = _words(
    "Abebe Berg Costa Diaz Eriksen Fischer García Haddad Ito Jensen Kaur Lopez Müller "
    "Nguyen Okafor Park Rossi Sato Tanaka Ueda Varga Weber Xu Yilmaz Zhang"
)
_NAMES: Final = pa.array([f"{first} {last}" for first in _FIRST_NAMES for last in _LAST_NAMES], pa.string())
_BASE62: Final = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)
_PAIRS: Final = np.stack([np.repeat(_BASE62, 62), np.tile(_BASE62, 62)], axis=1)


def table_of(events: Events, world: World) -> pa.Table:
    """Return events as a table."""
    user_id, user_name = _users(events.user)
    columns = [
        _encoded(events.room, lambda rooms: _room_names(rooms, world.width)),
        _participant_ids(events.connection, world.scramble),
        _kinds(events.kind),
        pa.array(events.at, pa.int64()).cast(SCHEMA.field("at").type),
        user_id,
        user_name,
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _encoded(numbers: Ints, names: Callable[[Ints], pa.Array], unknown: Mask | None = None) -> pa.Array:
    """A dictionary-encoded column whose dictionary has only the names that occur in it."""
    occurs = np.zeros(int(numbers.max(initial=0)) + 1, np.bool_)
    occurs[numbers] = True
    place = np.cumsum(occurs, dtype=np.int32) - np.int32(1)
    indices = pa.array(place[numbers], pa.int32(), mask=unknown)
    return pa.DictionaryArray.from_arrays(indices, names(np.flatnonzero(occurs)))


def _kinds(kinds: Ints) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(kinds, pa.int32()), pa.array(KINDS, pa.string()))


def _room_names(rooms: Ints, width: int) -> pa.Array:
    adjective = pa.array(_ADJECTIVES).take(pa.array(rooms // len(_NOUNS) % len(_ADJECTIVES)))
    noun = pa.array(_NOUNS).take(pa.array(rooms % len(_NOUNS)))
    return pc.binary_join_element_wise(adjective, noun, _digits(rooms, width), "-")


def _users(users: Ints) -> tuple[pa.Array, pa.Array]:
    """Ids and names: most users have both, guests no id, some no name, some neither."""
    variant = _scrambled(users.astype(np.uint64)) % np.uint64(100)
    is_unknown = users == NOBODY
    known = np.where(is_unknown, 0, users)
    ids = _encoded(known, _user_ids, is_unknown | (variant < 3))
    name = (_scrambled(users.astype(np.uint64) + np.uint64(7)) % np.uint64(len(_NAMES))).astype(np.int64)
    names = _encoded(
        name, lambda numbers: _NAMES.take(pa.array(numbers)), is_unknown | ((variant >= 2) & (variant < 10))
    )
    return ids, names


def _user_ids(users: Ints) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar("user"), _digits(users, 7), "-")


def _digits(numbers: Ints, width: int) -> pa.Array:
    return pc.utf8_lpad(pa.array(numbers, pa.int64()).cast(pa.string()), width, "0")


def _participant_ids(connections: Ints, scramble: np.uint64) -> pa.Array:
    """'PA_' and 12 characters that encode the connection's number one to one."""
    n = len(connections)
    characters = np.empty((n, 15), np.uint8)
    characters[:, :3] = np.frombuffer(b"PA_", np.uint8)
    mixed = rest = _scrambled(connections.astype(np.uint64) ^ scramble)
    for column in range(3, 13, 2):
        rest, pair = np.divmod(rest, np.uint64(len(_PAIRS)))
        characters[:, column : column + 2] = _PAIRS[pair.astype(np.int64)]
    # 22 values are left for 3,844 pairs: any of 174 will do for each of them.
    pair = rest + np.uint64(22) * (_scrambled(mixed) % np.uint64(174))
    characters[:, 13:] = _PAIRS[pair.astype(np.int64)]
    offsets = np.arange(0, 15 * (n + 1), 15, dtype=np.int32)
    ids = pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(characters))
    is_unknown = connections == NOBODY
    return pc.if_else(pa.array(is_unknown), None, ids) if is_unknown.any() else ids


def _scrambled(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The numbers scrambled one to one (the finalizer of splitmix64)."""
    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
