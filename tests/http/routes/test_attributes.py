"""Attributes in answers: on request only, and then for every participant."""

import pytest

HOST = {"customer": "acme", "paying": True, "role": "host", "seats": 3}
ODD = {"a": '"}]{[\\', "b": "\u2028 é 😀", "c": 1e300}
PATHS = [
    "/meetings",
    "/meetings/{id}/participants",
    "/users/u/meetings",
    "/presence",
    "/rooms/blue/presence",
    "/rooms/blue/presence?at=1767225601",
    "/rooms/blue/presence?from=1767225600",
]


@pytest.fixture
def name(world):
    """A meeting of a host, of somebody with odd attributes and of somebody without any, and somebody who waits."""
    world.stay("a", 0, user_id="u", **HOST)
    world.stay("b", 0, **ODD)
    world.stay("c", 0)
    world.pending("d", 50, role="guest")
    world.now = 55
    return world.meeting(0, most=3)


def participants(answer):
    """All participants in an answer by connection, wherever they are in it."""
    if isinstance(answer, list):
        return {who: one for part in answer for who, one in participants(part).items()}
    if not isinstance(answer, dict):
        return {}
    who = answer.get("participant_id") or (answer.get("id") if "joinTime" in answer else None)
    return {who: answer} if who else participants(list(answer.values()))


@pytest.mark.parametrize("path", PATHS)
def test_attributes_are_added_after_the_other_fields_on_request_only(world, name, path):
    path = path.replace("{id}", name)
    plain, full = world.get(path), world.get(f"{path}{'&' if '?' in path else '?'}include=attributes")
    known = {"a": HOST, "b": ODD, "c": {}, "d": {"role": "guest"}}
    shown = participants(full)
    assert {"a", "b", "c"} <= shown.keys()
    assert {who: one["attributes"] for who, one in shown.items()} == {who: known[who] for who in shown}
    assert {list(one)[-1] for one in shown.values()} == {"attributes"}
    for one in shown.values():
        del one["attributes"]
    assert full == plain


def test_something_else_cannot_be_included(world, name):
    status, _, info = world.refused("/meetings", include="attributes,names")
    assert status == 400
    assert info == '"include" must be some of [attributes] [Received include="attributes,names"]'
