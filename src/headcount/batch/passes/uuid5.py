"""Ids of many meetings at once, compiled (R16).

Responsible for the same UUIDv5 as `kernel/meetings.py`: the SHA-1 of the namespace and the name. Must not know
meetings beyond room and start. The standard library manages a hundred thousand per second, and ten million events
have more than that; so SHA-1 is implemented here, and a test compares the two.
"""

from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from headcount.batch.passes.jit import compiled, entry
from headcount.kernel.meetings import MEETING_IDS

NAMESPACE = np.frombuffer(MEETING_IDS.bytes, np.uint8)
ID_LENGTH = 36

_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
_DASH = np.uint8(45)
_ZERO = np.uint8(48)
_DASHES_AFTER = (4, 6, 8, 10)


class Scratch(NamedTuple):
    """Memory for one thread: the name of a meeting, the state and the schedule of SHA-1, and the digits of a number."""

    message: NDArray[np.uint8]
    state: NDArray[np.uint32]
    w: NDArray[np.uint32]
    digits: NDArray[np.uint8]


def new_scratch(prefix_offsets: NDArray[np.int64]) -> Scratch:
    """Return memory for names of meetings with these prefixes: a number and the end of a block follow."""
    longest = int(np.diff(prefix_offsets).max(initial=0))
    return Scratch(
        np.empty(longest + 128, np.uint8),
        np.empty(5, np.uint32),
        np.empty(80, np.uint32),
        np.empty(20, np.uint8),
    )


@compiled
def _rotate(word: np.uint32, by: np.uint32) -> Any:
    return np.uint32((word << np.uint32(by)) | (word >> np.uint32(32 - by)))


@compiled
def _next(a: np.uint32, f: np.uint32, e: np.uint32, k: np.uint32, word: np.uint32) -> Any:
    """Return the next word of the state."""
    return np.uint32(_rotate(a, 5) + f + e + k + word)


@compiled
def _absorb(block: NDArray[np.uint8], state: NDArray[np.uint32], w: NDArray[np.uint32]) -> None:
    """Update `state` with one block of 64 bytes: the compression function of SHA-1."""
    for i in range(16):
        j = 4 * i
        w[i] = (
            (np.uint32(block[j]) << np.uint32(24))
            | (np.uint32(block[j + 1]) << np.uint32(16))
            | (np.uint32(block[j + 2]) << np.uint32(8))
            | np.uint32(block[j + 3])
        )
    for i in range(16, 80):
        w[i] = _rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1)
    a, b, c, d, e = state[0], state[1], state[2], state[3], state[4]
    # Four loops without a choice, because LLVM unrolls each of them.
    for i in range(20):
        t = _next(a, d ^ (b & (c ^ d)), e, 0x5A827999, w[i])
        a, b, c, d, e = t, a, _rotate(b, 30), c, d
    for i in range(20, 40):
        t = _next(a, b ^ c ^ d, e, 0x6ED9EBA1, w[i])
        a, b, c, d, e = t, a, _rotate(b, 30), c, d
    for i in range(40, 60):
        t = _next(a, (b & c) | (d & (b | c)), e, 0x8F1BBCDC, w[i])
        a, b, c, d, e = t, a, _rotate(b, 30), c, d
    for i in range(60, 80):
        t = _next(a, b ^ c ^ d, e, 0xCA62C1D6, w[i])
        a, b, c, d, e = t, a, _rotate(b, 30), c, d
    state[0] += a
    state[1] += b
    state[2] += c
    state[3] += d
    state[4] += e


@entry
def write_ids(
    first: int,
    last: int,
    room_of: NDArray[np.int32],
    start: NDArray[np.int64],
    prefixes: NDArray[np.uint8],
    prefix_offsets: NDArray[np.int64],
    scratch: Scratch,
    out: Annotated[NDArray[np.uint8], 2],
) -> None:
    """Write the ids of meetings first..last-1 as text; a prefix is namespace, domain, 0, room, 0."""
    message, state, w, digits = scratch.message, scratch.state, scratch.w, scratch.digits
    for m in range(first, last):
        room = room_of[m]
        begin, end = prefix_offsets[room], prefix_offsets[room + 1]
        size = end - begin
        for i in range(size):
            message[i] = prefixes[begin + i]
        size = _write_number(start[m], message, size, digits)
        _hash(message, size, state, w)
        _write_uuid(state, out[m])


@compiled
def _write_number(number: int, message: NDArray[np.uint8], at: int, digits: NDArray[np.uint8]) -> Any:
    if number < 0:
        message[at] = _DASH
        at += 1
        number = -number
    n = 0
    while True:
        digits[n] = _ZERO + np.uint8(number % 10)
        n += 1
        number //= 10
        if number == 0:
            break
    for i in range(n):
        message[at + i] = digits[n - 1 - i]
    return at + n


@compiled
def _hash(message: NDArray[np.uint8], size: int, state: NDArray[np.uint32], w: NDArray[np.uint32]) -> None:
    state[0], state[1], state[2] = np.uint32(0x67452301), np.uint32(0xEFCDAB89), np.uint32(0x98BADCFE)
    state[3], state[4] = np.uint32(0x10325476), np.uint32(0xC3D2E1F0)
    blocks = (size + 8) // 64 + 1
    for i in range(size, 64 * blocks):
        message[i] = 0
    message[size] = 0x80
    bits = size * 8
    for i in range(8):
        message[64 * blocks - 1 - i] = (bits >> (8 * i)) & 255
    for block in range(blocks):
        _absorb(message[64 * block : 64 * block + 64], state, w)


@compiled
def _write_uuid(state: NDArray[np.uint32], out: NDArray[np.uint8]) -> None:
    at = 0
    for i in range(16):
        byte = (state[i // 4] >> np.uint32(24 - 8 * (i % 4))) & np.uint32(255)
        if i == 6:
            byte = (byte & np.uint32(0x0F)) | np.uint32(0x50)
        if i == 8:
            byte = (byte & np.uint32(0x3F)) | np.uint32(0x80)
        if i in _DASHES_AFTER:
            out[at] = _DASH
            at += 1
        out[at] = _HEX[byte >> np.uint32(4)]
        out[at + 1] = _HEX[byte & np.uint32(15)]
        at += 2


def prefixes_of(domains: list[str], rooms: list[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the prefixes of the names of all meetings of each room, one behind the other, and where each begins."""
    parts = [
        NAMESPACE.tobytes() + f"{domain}\0{room}\0".encode()
        for domain, room in zip(domains, rooms, strict=True)
    ]
    offsets = np.zeros(len(parts) + 1, np.int64)
    offsets[1:] = np.cumsum([len(part) for part in parts])
    return np.frombuffer(b"".join(parts), np.uint8), offsets
