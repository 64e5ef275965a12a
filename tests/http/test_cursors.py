"""Cursors are opaque, valid in one domain, and lead back to their position."""

import pytest

from headcount.http.cursors import BEGINNING, Cursors

cursors = Cursors(b"s" * 32)


@pytest.mark.parametrize("position", [0, 1, 2, 255, 256, 2**40, 2**63 - 1])
def test_a_cursor_is_valid_in_its_domain_only(position):
    made = cursors.encode("acme", position)
    assert cursors.decode("acme", made) == position
    assert cursors.encode("acme", position) == made
    if position:
        assert cursors.decode("other", made) is None
        assert Cursors(b"t" * 32).decode("acme", made) is None


def test_a_cursor_cannot_be_forged():
    made = cursors.encode("acme", 17)
    for n, letter in enumerate(made[:-1]):
        assert cursors.decode("acme", made[:n] + ("A" if letter != "A" else "B") + made[n + 1 :]) is None
    for text in ("", "A", "17", "A" * 22, "A" * 30, "-" * 22):
        assert cursors.decode("acme", text) is None


def test_cursors_do_not_show_their_order():
    made = [cursors.encode("acme", n) for n in range(1, 1_000)]
    assert len(set(made)) == len(made)
    assert 400 < sum(one < other for one, other in zip(made, made[1:], strict=False)) < 600


def test_the_beginning_is_the_same_for_all():
    assert cursors.encode("acme", 0) == BEGINNING == "0"
