"""Calls of machine code from Python."""

from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest

from headcount.batch.passes import attributes, jit, machine_code
from headcount.batch.passes.tables import add_lengths


def test_an_entry_refuses_numbers_of_another_width():
    with pytest.raises(AssertionError):
        add_lengths(np.zeros(1, np.int32), np.zeros(2, np.int64), np.zeros(2, np.int64))


def test_an_entry_refuses_an_array_with_gaps():
    with pytest.raises(AssertionError):
        add_lengths(np.zeros(4, np.int64)[::2], np.zeros(2, np.int64), np.zeros(2, np.int64))


def test_an_entry_returns_its_result():
    ends = np.empty(3, np.int64)
    assert add_lengths(np.array([1, 0]), np.array([0, 2, 7]), ends) == 7
    assert ends.tolist() == [0, 5, 7]


class Pair(NamedTuple):
    first: int
    second: Annotated[np.ndarray[Any, np.dtype[np.int64]], 2]


@jit.entry
def sample(numbers: np.ndarray[Any, np.dtype[np.uint64]], pair: Pair, yes: bool, no: bool) -> tuple[int, int]:
    total = pair.first
    for number in numbers:
        total += int(number)
    pair.second[1, 0] += 1
    return total + 100 * yes + 1_000 * no, pair.second[1, 0]


def test_numbas_convention_of_calls_is_the_one_that_entries_use(monkeypatch):
    monkeypatch.setattr(machine_code, "_entries", lambda: [sample])
    symbols, code = machine_code.compile_all()
    address = machine_code.load(code).get_function_address(symbols["sample"])
    monkeypatch.setattr(machine_code, "address_of", lambda _: address)
    table = np.zeros((2, 3), np.int64)
    assert sample(np.array([2**40, 1], np.uint64), Pair(-5, table), True, False) == (2**40 + 96, 1)
    assert table.tolist() == [[0, 0, 0], [1, 0, 0]]


def test_all_entries_have_an_address():
    assert all(machine_code.address_of(entry) for entry in (add_lengths, attributes.merged))
