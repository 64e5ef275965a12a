"""Times as vendors write them: invalid ones are rejected with a message, however large the number."""

import pytest

from headcount import BadInput
from headcount.sources import fields


@pytest.mark.parametrize("value", [0, -1, 10**18, 10**400, float("inf"), float("nan")])
@pytest.mark.parametrize("unit", [fields.valid_ms, fields.ms_from_seconds])
def test_an_invalid_time_is_rejected(unit, value):
    with pytest.raises(BadInput, match="x is not between the years 2000 and 2100"):
        unit(value, "x")


@pytest.mark.parametrize("body", [b"a=\xff", b"a=%FF"])
def test_bytes_of_a_form_that_are_not_utf_8_are_replaced(body):
    assert fields.parse_form(body) == [("a", "\ufffd")]


def test_empty_values_of_a_form_stay():
    assert fields.parse_form(b"b=&a=1+2&a=%C3%A9") == [("b", ""), ("a", "1 2"), ("a", "é")]
