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


def test_participants_are_filtered_by_attributes_in_pages(world):
    for number in range(12):
        world.stay(
            f"p{number % 5}", number * 10, number * 10 + 10, role="host" if number % 5 < 3 else "guest"
        )
    name = world.meeting(0, 200, most=5)
    everyone = [one["participant_id"] for one in world.get(f"/meetings/{name}/participants")["data"]]
    hosts = [who for who in everyone if who in ("p0", "p1", "p2")]

    def page(**query):
        found = world.ask(f"/meetings/{name}/participants", **{"attribute.role": "host"}, **query)
        return [] if found.status_code == 404 else [one["participant_id"] for one in found.json()["data"]]

    assert page() == hosts
    for limit in range(1, 10):
        forwards = some = page(limit=limit)
        while some := page(limit=limit, joined_after=some[-1]):
            forwards = forwards + some
        assert forwards == hosts
    assert page(joined_before="p0") == []
    assert page(joined_before="p2", limit=1)[-1:] == [hosts[hosts.index("p2", 3) - 1]]
    status, _, info = world.refused(
        f"/meetings/{name}/participants", **{"attribute.role": "host"}, joined_after="p4"
    )
    assert (status, '"joined_after" must be a participant_id of this meeting' in info) == (400, True)
    assert world.refused(f"/meetings/{name}/participants", **{"attribute.role": "viewer"})[0] == 404
