"""Calls of machine code from Python."""

import numpy as np
import pytest

from headcount.batch.passes import attributes, machine_code
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


def test_all_entries_have_an_address():
    assert all(machine_code.address_of(entry) for entry in (add_lengths, attributes.merged))
