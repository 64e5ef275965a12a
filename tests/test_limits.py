"""Limits on the length of texts, in characters and in bytes, and the truncation of display names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.errors import BadInput
from headcount.limits import DOMAIN_BYTES, NAME_BYTES, length_problem, require_domain, truncate

EMOJI = "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("a" * 512, None),
        ("a" * 513, "must be at most 512 characters [Received 513]"),
        ("é" * 512, None),
        (EMOJI * 256, None),
        (EMOJI * 256 + "a", "must be at most 1,024 bytes in UTF-8 [Received 1,025]"),
        ("漢" * 342, "must be at most 1,024 bytes in UTF-8 [Received 1,026]"),
    ],
)
def test_a_name_is_limited_in_characters_and_in_bytes(text, wrong):
    assert length_problem(text) == wrong


@given(st.text(max_size=1_100), st.integers(16, 1_024))
def test_a_truncated_name_is_a_prefix_and_a_short_name_is_unchanged(text, characters):
    shown = truncate(text, characters)
    assert text.startswith(shown)
    assert length_problem(shown, characters) is None
    assert (shown == text) == (length_problem(text, characters) is None)


@given(st.text(EMOJI + "漢é", min_size=600, max_size=700))
def test_a_truncated_name_is_as_long_as_the_limits_allow(text):
    shown = truncate(text)
    rest = text[len(shown) :]
    assert len(shown) == 512 or len((shown + rest[0]).encode()) > NAME_BYTES


@pytest.mark.parametrize("domain", ["", "a\0b", "d" * 257, EMOJI * 65])
def test_a_domain_is_limited_in_bytes(domain):
    with pytest.raises(BadInput, match=r"^domain "):
        require_domain(domain)
    require_domain(EMOJI * (DOMAIN_BYTES // 4))
