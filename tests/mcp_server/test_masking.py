"""Labels: the same for the same person and key, different for others, and found again only if an answer had them."""

import pytest

from headcount.mcp_server.masking import Names, shorten


def test_a_label_belongs_to_a_user_and_a_key():
    names = Names("key-1", shown=False)
    ann = names.label("u-1", "c-1")
    assert names.label("u-1", "c-2") == ann, "a user has one label, whatever the connection"
    assert Names("key-1", shown=True).label("u-1", None) == ann, "also after a restart"
    assert Names("key-2", shown=False).label("u-1", "c-1") != ann
    assert names.label(None, "u-1") != ann, "a connection is no user"
    assert len({names.label(f"u-{n}", None) for n in range(5_000)}) == 5_000


def test_only_a_user_whom_an_answer_had_is_found():
    names = Names("key", shown=False)
    label = Names("key", shown=False).label("u-1", None)
    assert names.user_of(label) is None
    names.label("u-1", "c-1")
    assert names.user_of(label) == "u-1"
    assert names.user_of(names.label(None, "c-9")) is None
    assert names.user_of("u-1") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ann", "Ann"),
        ("a\nb\x00c\u202ed\u2028e", "a b c d e"),
        ("x" * 101, "x" * 99 + "…"),
        ("Zoë 👩", "Zoë 👩"),
    ],
)
def test_a_text_of_users_is_one_short_line(text, expected):
    assert shorten(text) == expected
