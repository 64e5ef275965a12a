"""Paging: a client that follows the pages gets every entry once, and reaches an end."""

import random
from itertools import pairwise

import pytest

LIMITS = [1, 2, 3, 4, 5, 7, 100]


@pytest.fixture
def names(world):
    """Twenty meetings, some of which began in the same second, newest first."""
    for n in range(20):
        world.met(n // 3 * 100 + n % 3 * 0.2, n // 3 * 100 + 60, "a", room=f"room-{n % 3}")
    return world.ids()


def walk(world, cursor, page_end, **query):
    """The ids of all pages, each requested by the end of the previous one."""
    pages = [world.ids(**query)]
    while pages[-1]:
        pages.append(world.ids(**{cursor: pages[-1][page_end]}, **query))
    return pages[:-1]


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_starting_after_goes_down_the_list_to_its_end(world, names, limit, order):
    pages = walk(world, "starting_after", -1, limit=limit, order=order)
    assert [name for page in pages for name in page] == (names if order == "desc" else names[::-1])
    assert all(len(page) == limit for page in pages[:-1])


@pytest.mark.parametrize("limit", LIMITS)
def test_ending_before_goes_up_the_list_from_the_oldest(world, names, limit):
    first = world.ids(limit=limit, ending_before="OLDEST")
    assert first == names[-limit:]
    pages = [first]
    while pages[-1]:
        pages.append(world.ids(limit=limit, ending_before=pages[-1][0]))
    assert [name for page in reversed(pages) for name in page] == names


def test_the_oldest_are_the_first_page_of_the_other_order(world, names):
    assert world.ids(limit=3, order="asc", ending_before="OLDEST") == names[::-1][:3]


def test_going_forward_and_back_returns_the_same_page(world, names):
    second = world.ids(limit=5, starting_after=names[4])
    assert world.ids(limit=5, ending_before=second[0]) == names[:5]
    asc = names[::-1]
    assert world.ids(limit=5, order="asc", ending_before=asc[10]) == asc[5:10]


def test_a_cursor_continues_in_the_filtered_list(world, names):
    mine = world.ids(room="room-1")
    assert world.ids(room="room-1", limit=3, starting_after=mine[1]) == mine[2:5]
    # A cursor is a place in the order, whether or not the filter lets it through.
    elsewhere = next(name for name in names[5:] if name not in mine)
    older = names[names.index(elsewhere) + 1 :]
    assert world.ids(room="room-1", starting_after=elsewhere) == [name for name in older if name in mine]


def test_a_new_meeting_shifts_no_page(world, names):
    first = world.ids(limit=5)
    world.met(90_000, 90_060, "z")
    assert world.ids(limit=5, starting_after=first[-1]) == names[5:10]


def test_a_cursor_that_a_correction_replaced_keeps_its_place(world, names):
    old = world.replaced(150)
    starts = {one["id"]: one["start_time"] for one in world.get("/meetings")["data"]}
    older = [name for name in names if starts[name] < world.t0 + 150]
    assert world.ids(starting_after=old) == older
    assert world.ids(ending_before=old) == [name for name in names if name not in older]


@pytest.mark.parametrize("cursor", ["starting_after", "ending_before"])
@pytest.mark.parametrize("name", ["0f9f4c1e-1111-4222-8333-444455556666", "nonsense", "oldest"])
def test_an_unknown_cursor_is_refused_and_is_not_the_end_of_the_list(world, names, cursor, name):
    status, word, info = world.refused("/meetings", **{cursor: name})
    assert (status, word) == (400, "invalid-request-error")
    assert info == f'"{cursor}" must be the id of a meeting [Received {cursor}="{name}"]'


def test_both_cursors_at_once_are_refused(world, names):
    assert world.refused("/meetings", starting_after=names[0], ending_before=names[5])[0] == 400
    assert world.refused("/meetings", starting_after=names[0], ending_before="OLDEST")[0] == 400
    path = f"/meetings/{names[0]}/participants"
    assert world.refused(path, joined_after="a", joined_before="a")[0] == 400


# Participants.


def everybody(world, name):
    """The entries of a meeting, as in the list of meetings."""
    return next(one for one in world.get("/meetings")["data"] if one["id"] == name)["participants"]


def pages_of(world, name, limit, cursor="joined_after", end=-1, start=None):
    """All pages of participants, until 404; each requested by the end of the previous one."""
    pages = []
    at = start
    while True:
        answer = world.ask(f"/meetings/{name}/participants", limit=limit, **({cursor: at} if at else {}))
        if answer.status_code == 404:
            assert answer.json()["error"] == "not-found"
            return pages
        assert answer.status_code == 200
        assert set(answer.json()) == {"data"}
        pages.append(answer.json()["data"])
        assert pages[-1]
        assert len(pages) < 200, "no end"
        at = pages[-1][end]["participant_id"]


@pytest.mark.parametrize("limit", LIMITS)
def test_participants_are_paged_until_404(world, limit):
    for n in range(17):
        world.stay(f"c-{n:02}", n // 3, 100)
    name = world.meeting(0, 100, most=17)
    pages = pages_of(world, name, limit)
    assert [who for page in pages for who in page] == everybody(world, name)
    assert all(len(page) == limit for page in pages[:-1])


@pytest.mark.parametrize("limit", LIMITS)
def test_joined_before_gives_the_nearest_ones_before(world, limit):
    for n in range(17):
        world.stay(f"c-{n:02}", n // 3, 100)
    name = world.meeting(0, 100, most=17)
    pages = pages_of(world, name, limit, "joined_before", 0, "c-16")
    assert [who for page in reversed(pages) for who in page] == everybody(world, name)[:-1]
    assert pages[0] == everybody(world, name)[-1 - limit : -1]


def test_a_page_has_at_most_a_hundred_participants(world):
    for n in range(101):
        world.stay(f"c-{n:03}", 0, 100)
    name = world.meeting(0, 100, most=101)
    assert [len(page["data"]) for page in [world.get(f"/meetings/{name}/participants")]] == [100]
    assert len(world.get(f"/meetings/{name}/participants", limit=500)["data"]) == 100


def test_a_cursor_of_another_meeting_is_refused_and_is_not_the_end(world):
    name = world.met(0, 60, "a")
    world.met(100, 160, "b")
    for cursor in ("joined_after", "joined_before"):
        for who in ("b", "nobody"):
            status, word, _ = world.refused(f"/meetings/{name}/participants", **{cursor: who})
            assert (status, word) == (400, "invalid-request-error")


def coming_again(world, seed):
    """A meeting after a reset, in which connections leave and rejoin."""
    chance = random.Random(seed)
    world.stay("c-3", -500, 40)
    for who in (f"c-{n}" for n in range(6)):
        times = sorted(chance.sample(range(50 if who == "c-3" else 0, 1000), 2 * chance.randrange(1, 6)))
        for join, leave in zip(times[::2], times[1::2], strict=True):
            world.stay(who, join, leave)
    return world.meeting(0, 1000, most=6, carried=(-500, "c-3"))


def ids(entries):
    return [entry["participant_id"] for entry in entries]


def is_last(entries, n):
    """Whether an entry is the last one of its participant, which is the one that a cursor stands for."""
    who = ids(entries)
    return who[n] not in who[n + 1 :]


@pytest.mark.parametrize("seed", range(12))
def test_pages_are_full_and_complete_when_connections_rejoin(world, seed):
    name = coming_again(world, seed)
    all_of_them = everybody(world, name)
    assert len(all_of_them) > len(set(ids(all_of_them)))
    possible = [
        n
        for n in range(1, len(all_of_them))
        if is_last(all_of_them, n - 1)
        and is_last(all_of_them, n)
        and ids(all_of_them)[n] != ids(all_of_them)[0]
    ]
    for limit in range(1, len(all_of_them) + 2):
        pages = pages_of(world, name, limit)
        assert [who for page in pages for who in page] == all_of_them, limit
        end = 0
        for page in pages[:-1]:
            assert end + len(page) == next(n for n in possible if n >= end + limit), (
                "not longer than it must be"
            )
            end += len(page)


@pytest.mark.parametrize("seed", range(12))
def test_paging_backwards_from_any_participant_reaches_all_before(world, seed):
    name = coming_again(world, seed)
    all_of_them = everybody(world, name)
    for start in set(ids(all_of_them)) - {all_of_them[0]["participant_id"]}:
        before = all_of_them[: len(all_of_them) - 1 - ids(all_of_them)[::-1].index(start)]
        for limit in (*range(1, 9), len(all_of_them)):
            pages = pages_of(world, name, limit, "joined_before", 0, start)
            assert [who for page in reversed(pages) for who in page] == before, (start, limit)
            assert all(len(page) >= limit for page in pages[:-1]), (start, limit)
    assert (
        world.refused(f"/meetings/{name}/participants", joined_before=all_of_them[0]["participant_id"])[0]
        == 404
    )


@pytest.mark.parametrize("seed", range(12))
def test_a_client_that_turns_around_gets_each_entry_once(world, seed):
    name = coming_again(world, seed)
    for n in range(8):
        world.stay(f"new-{n}", 995 + n / 10, 1000)
    for limit in range(1, 9):
        pages = pages_of(world, name, limit)
        for n, page in enumerate(pages):
            back = pages_of(world, name, limit, "joined_before", 0, page[0]["participant_id"])
            assert [who for one in reversed(back) for who in one] == [who for one in pages[:n] for who in one]
            if back:
                assert (
                    world.get(
                        f"/meetings/{name}/participants",
                        limit=limit,
                        joined_after=back[0][-1]["participant_id"],
                    )["data"]
                    == page
                )


@pytest.mark.parametrize("limit", [*LIMITS, 99])
def test_a_client_that_stops_at_a_short_page_reads_all_of_one_who_rejoins(world, limit):
    world.stay("unique", 0, 10_000)
    for n in range(346):
        world.stay("again", 1 + 20 * n, 15 + 20 * n)
    name = world.meeting(0, 10_000, most=2)
    for cursor, end, start in (("joined_after", -1, None), ("joined_before", 0, "again")):
        found, at = [], start
        while True:
            query = {"limit": limit} | ({cursor: at} if at else {})
            answer = world.ask(f"/meetings/{name}/participants", **query)
            page = answer.json()["data"] if answer.status_code == 200 else []
            found += page
            if len(page) < limit:
                break
            at = page[end]["participant_id"]
        assert len(found) == (347 if start is None else 346)


def test_pages_do_not_overlap_in_time(world):
    name = coming_again(world, 5)
    for before, after in pairwise(pages_of(world, name, 3)):
        assert before[-1]["join_time"] <= after[0]["join_time"]
