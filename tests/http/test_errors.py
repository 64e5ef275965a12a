"""The texts of errors, as the API writes them."""

import pytest

from headcount.http.errors import sentence_case


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("the disk is full.", "The disk is full"),
        ("line 2: not JSON", "Line 2: not JSON"),
        ("No route matches /x. See /docs", "No route matches /x. See /docs"),
        ('"limit" must be a number', '"limit" must be a number'),
        ("events[1]: not a time", "events[1]: not a time"),
        ("room must be at most 512 characters", "room must be at most 512 characters"),
        ("user_id: expected text", "user_id: expected text"),
        ("", ""),
    ],
)
def test_a_text_starts_with_a_capital_letter_unless_a_field_is_first_and_has_no_final_period(text, written):
    assert sentence_case(text) == written
