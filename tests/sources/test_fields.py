"""Times as vendors write them: invalid ones are rejected with a message, however large the number."""

import msgspec
import pytest

from headcount import BadInput
from headcount.kernel.attributes import values_of
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


TEXTS = [
    ("42", "42"),
    ("", ""),
    (" a ", " a "),
    (42, "42"),
    (-1, "-1"),
    (10**30, "1" + "0" * 30),
    (42.0, "42"),
    (2.0**53, ""),
    (42.5, ""),
]


def test_a_text_or_a_whole_number_is_a_text():
    """From 2^53 on, a float does not have all digits of a whole number: two ids could become one."""
    assert [fields.text(value) for value, _ in TEXTS] == [text for _, text in TEXTS]
    assert [fields.text(value) for value in (True, False, None, [], {}, ["a"])] == [""] * 6


def test_an_optional_id_with_a_character_that_cannot_be_stored_is_unknown():
    assert [fields.optional_id(value) for value in ("u1", 7, "", "a\0b", True, None)] == [
        "u1",
        "7",
        None,
        None,
        None,
        None,
    ]


def test_a_flag_may_be_a_text_or_a_number():
    assert [fields.flag(value) for value in (True, "true", "TRUE", 1, "1")] == [True] * 5
    assert [fields.flag(value) for value in (False, "false", 0, "0", "", None, [], "x", 1.0, 2)] == [
        False
    ] * 10
    assert [fields.flag(value, default=True) for value in (False, "false", 0, None, [])] == [False] * 3 + [
        True
    ] * 2


@pytest.mark.parametrize("value", [1_772_442_000, "1772442000", 1_772_442_000.0, "1772442000.000"])
def test_a_time_may_be_a_number_or_its_digits(value):
    assert fields.ms_from_seconds(value, "x") == 1_772_442_000_000


@pytest.mark.parametrize(
    ("value", "why"),
    [(None, "is missing"), (True, "is not a number"), ("soon", "is not a number"), ({}, "is not a number")],
)
def test_what_is_no_time_is_rejected(value, why):
    with pytest.raises(BadInput, match=f"^x {why}$"):
        fields.valid_ms(value, "x")


def test_a_time_that_is_missing_is_the_time_of_receipt():
    now = 1_772_442_000_000
    assert fields.event_time(None, fields.valid_ms, "x", now) == now
    assert fields.event_time("", fields.valid_ms, "x", now) == now
    with pytest.raises(
        BadInput, match="the time of the event is unknown: it has no x, and no time of receipt is recorded"
    ):
        fields.event_time(None, fields.valid_ms, "x", 0)
    with pytest.raises(BadInput, match="x is not a number"):
        fields.event_time([], fields.valid_ms, "x", now)


def decoded(text):
    return fields.decode(msgspec.json.Decoder(), b'"' + text + b'"', "JSON")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (rb"Ann \ud83d\ude00", "Ann \N{GRINNING FACE}"), (rb"Ann \ud83d", "Ann "), (rb"\ude00Ann", "Ann"), (rb"\ude00\ud83dA", "A"),
        (rb"\ud83d\u0041", "A"), (rb"\ud83d\ud83d\ude00", "\N{GRINNING FACE}"), (rb"\\ud83d", "\\ud83d"), ("Ann \u00e9".encode(), "Ann \u00e9"),
        ("Ann \u00e9".encode()[:-1], "Ann "), (b"Jos\xe9", "Jos"), ("\N{GRINNING FACE}".encode()[:2] + b"A", "A"),
    ],
)  # fmt: skip
def test_a_name_that_was_cut_through_a_character_loses_it(text, name):
    assert fields.user_name(decoded(text)) == name


def test_an_optional_id_that_was_cut_through_a_character_is_unknown():
    assert fields.optional_id(decoded(rb"u-\ud83d")) is None


@pytest.mark.parametrize("body", [b"\xff\xfe", rb'{"a":1}\ud83d', b'{"a":\xff}', b'{"a"'])
def test_what_is_no_json_is_rejected(body):
    with pytest.raises(BadInput, match="is no JSON"):
        fields.decode(msgspec.json.Decoder(), body, "JSON")


METADATA = [
    ({"seat": 7, "vip": True, "score": 1.5, "name": "Ann"}, {"seat": 7, "vip": True, "score": 1.5, "name": "Ann"}),
    (' {"seat": 7, "room": {"a": 1}, "tags": [], "none": null, "empty": ""}', {"seat": 7}),
    ('{"seat": "half \\ud800", "row": 3}', {"row": 3}),
    ('{"big": 123456789012345678901234567890, "row": 3}', {"row": 3}),
    ('{"twice": 1, "twice": 2}', {"twice": 2}),
    ('{"a\\u0000b": 1, "row": 3}', {"row": 3}),
    ("{not JSON", {}),
    ('{"a": NaN}', {}),
    ('{"a":' * 100_000, {}),
    ("team=7", {}),
    ('["a"]', {}),
    ([{"a": 1}], {}),
    (7, {}),
    (True, {}),
    (None, {}),
]  # fmt: skip


@pytest.mark.parametrize(("metadata", "expected"), METADATA)
def test_attributes_are_the_plain_values_of_metadata(metadata, expected):
    assert values_of(fields.attributes(metadata)) == expected
    assert values_of(fields.attributes(metadata, role="host")) == expected | {"role": "host"}


@pytest.mark.parametrize("unknown", [None, "", {}, [], float("nan"), "a\0b"])
def test_what_a_vendor_states_precedes_metadata_if_it_is_known(unknown):
    metadata = {"role": "teacher", "seat": 7}
    assert values_of(fields.attributes(metadata, role="host")) == {"role": "host", "seat": 7}
    assert values_of(fields.attributes(metadata, role=unknown)) == metadata


def test_a_role_is_a_word_in_lower_case():
    assert [fields.role(value) for value in ("Host", " MODERATOR ", "", None, {}, True)] == [
        "host",
        "moderator",
        None,
        None,
        None,
        None,
    ]
