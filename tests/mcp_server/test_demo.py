"""Ten questions about the demo data, asked by an MCP client. The truth is derived from the same events by `sessionize`."""

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from headcount import sessionize
from headcount.client import Client, Event
from support.mcp_client import Asked, over_stdio
from support.running_service import Running, headcount

pytestmark = pytest.mark.process

SECOND = timedelta(seconds=1)


class Demo(Running):
    """The service with demo data of three days."""

    def _arguments(self, more):
        return [
            "demo",
            "--database",
            str(self.database),
            "--port",
            "0",
            "--days",
            "3",
            "--seed",
            "1",
            *map(str, more),
        ]


class Truth:
    """What happened in the demo before a moment, by the batch side: rows of meetings, and of their participants."""

    def __init__(self, file, start, end):
        sessions = sessionize(str(file), domain="demo")
        participants = defaultdict(list)
        for row in sessions.participants.to_pylist():
            participants[row["meeting_id"]].append(row)
        self.start, self.end = start, end
        self.stays = sessions.stays.to_pylist()
        self.everything = [
            row | {"participants": participants[row["id"]]} for row in sessions.meetings.to_pylist()
        ]
        self.meetings = {
            row["id"]: row
            for row in self.everything
            if start <= row["start"] and row["end"] is not None and row["end"] < end
        }

    def seconds_of_rooms(self):
        """The participants' time in the period by room, rounded down once."""
        found = defaultdict(timedelta)
        for meeting in self.everything:
            for row in meeting["participants"]:
                span = min(row["leave"] or self.end, self.end) - max(row["join"], self.start)
                found[meeting["room"]] += max(span, timedelta())
        return {room: total // SECOND for room, total in found.items() if total}

    def people_of(self, meeting_id):
        """Seconds of each person of a meeting, as shown: connections of a user are united, and nobody is in after its end."""
        people = defaultdict(list)
        meeting = self.meetings[meeting_id]
        for row in meeting["participants"]:
            people[row["user_id"] or f"connection {row['participant_id']}"].append(
                (row["join"], row["leave"])
            )
        return sorted(
            min(
                sum(_united(spans), timedelta()) // SECOND,
                (shown_end(meeting) - min(spans)[0].replace(microsecond=0)) // SECOND,
            )
            for spans in people.values()
        )


def shown_end(meeting):
    """The end of a meeting as the API shows it: its start and its duration, each rounded down."""
    return meeting["start"].replace(microsecond=0) + (meeting["end"] - meeting["start"]) // SECOND * SECOND


def _united(spans):
    end = None
    for join, leave in sorted(spans):
        begin = join if end is None else max(join, end)
        yield max(leave - begin, timedelta())
        end = leave if end is None else max(end, leave)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo, a key of the scope `read`, and the truth about two whole days."""
    folder = tmp_path_factory.mktemp("demo")
    running = Demo(folder).start()
    with Client(running.url, running.make_key("demo", "ingest")) as client:
        client.ingest_event(Event(room="until here", kind="end"), wait=True)  # all before is processed
    headcount("export", "--database", running.database, "--domain", "demo", "-o", folder / "export")
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)  # what is younger may not be complete yet
    midnight = an_hour_ago.replace(hour=0, minute=0, second=0, microsecond=0)
    truth = Truth(folder / "export/events.parquet", midnight - timedelta(days=2), midnight)
    yield running, running.make_key("demo", "read"), truth
    running.stop()


def text(at):
    return at.isoformat()


def test_ten_questions_have_true_answers(demo):
    running, key, truth = demo
    assert len(truth.meetings) > 20, "the demo has something to ask about"

    async def story():
        async with over_stdio(running, key, "--show-names") as client:
            await ten_questions(Asked(client), truth)
            await who_is_there_now(Asked(client), running, key)

    asyncio.run(story())


async def ten_questions(ask, truth):
    period = {"start": text(truth.start), "end": text(truth.end)}

    # 1. Which meetings took place on these days, and how long was each?
    listed, page = [], None
    while True:
        found = await ask("list_meetings", **period, ongoing=False, page=page, limit=50)
        listed += found["meetings"]
        page = found["next_page"]
        if not found["truncated"]:
            break
    inner = [one for one in listed if one["id"] in truth.meetings]
    assert {one["id"] for one in inner} == truth.meetings.keys()
    assert found["total_count"] == len(listed) >= len(inner)
    assert not found["certainty"]["may_change"]

    # 2. Which meeting had the most participants at once?
    largest = max(truth.meetings.values(), key=lambda row: row["max_participants"])["max_participants"]
    assert max(one["max_participants"] for one in inner) == largest
    at_least = await ask("list_meetings", **period, min_participants=largest, limit=1)
    assert at_least["total_count"] >= 1

    # 3. Who was in a room in the middle of a meeting?
    fits_a_page = [row for row in truth.meetings.values() if len(row["participants"]) <= 40]
    meeting = max(fits_a_page, key=lambda row: len(row["participants"]))
    moment = (meeting["start"] + (meeting["end"] - meeting["start"]) / 2).replace(microsecond=0)
    there = await ask("who_was_in_room_at", room=meeting["room"], at=text(moment))
    present = [
        row for row in truth.stays
        if row["room"] == meeting["room"] and row["join"] <= moment and (row["leave"] is None or row["leave"] > moment)
    ]  # fmt: skip
    assert sorted((one["user_id"] or "", one["name"] or "") for one in there["people"]) == sorted(
        (row["user_id"] or "", row["user_name"] or "") for row in present
    )

    # 4. Who attended it, and for how long?
    attendance = await ask("attendance", meeting_id=meeting["id"])
    assert sorted(one["duration_seconds"] for one in attendance["people"]) == truth.people_of(meeting["id"])

    # 5. Who of the invited was absent?
    user = next(row["user_id"] for row in meeting["participants"] if row["user_id"])
    invited = await ask("attendance", meeting_id=meeting["id"], expected=[user, "u-nobody"])
    assert invited["by_status"]["absent"] == 1
    assert {one["user_id"] for one in invited["people"] if one["status"] == "absent"} == {"u-nobody"}

    # 6. How many meetings did this person attend, and when was the last one?
    own = sorted(
        (
            row
            for row in truth.meetings.values()
            if any(one["user_id"] == user for one in row["participants"])
        ),
        key=lambda row: row["start"],
    )
    history = await ask("person_history", person=user, **period, limit=50)
    attended = [one for one in history["meetings"] if one["id"] in truth.meetings]
    assert [one["id"] for one in reversed(attended)] == [row["id"] for row in own]

    # 7. Which room was used the most?
    seconds = truth.seconds_of_rooms()
    by_room = await ask("usage", **period, group_by="room", limit=50)
    shown = {
        one["group"]: one["participant_seconds"] for one in by_room["groups"] if one["participant_seconds"]
    }
    assert shown == (seconds if not by_room["truncated"] else {room: seconds[room] for room in shown})
    assert by_room["groups"][0]["participant_seconds"] == max(seconds.values())

    # 8. How many meetings started on each day?
    by_day = await ask("usage", **period, group_by="day")
    for group, (begin, end) in zip(by_day["groups"], pairwise(_days(truth)), strict=True):
        assert group["meetings"] == sum(begin <= row["start"] < end for row in truth.everything)

    # 9. Why did the meeting end, and who was the last to leave?
    explained = await ask("explain_meeting", meeting_id=meeting["id"], limit=50)
    assert explained["log_is_complete"]
    assert explained["meeting"]["end"] == shown_end(meeting).strftime("%Y-%m-%dT%H:%M:%SZ")
    stays_on = any(
        row["room"] == meeting["room"] and row["join"] < meeting["end"] and (row["leave"] is None or row["leave"] > meeting["end"])
        for row in truth.stays
    )  # fmt: skip
    reason = "One participant had been alone" if stays_on else "The last participant left"
    assert explained["ended_because"].startswith(reason)
    # Who had been alone before the meeting (rule 7) is in it without having joined in it.
    began = [
        row for row in truth.stays if row["room"] == meeting["room"] and meeting["start"] <= row["join"] < meeting["end"]
    ]  # fmt: skip
    joins = [one for one in explained["steps"] if one["type"] == "joined"]
    assert explained["truncated"] or len(joins) == len(began)


async def who_is_there_now(ask, running, key):
    """10. Who is in a room right now? People come and go, so the API is asked before and after."""
    with Client(running.url, key) as client:
        while True:
            before = client.get_presence()
            room = max(
                (name for name in before if len(before[name]) <= 40), key=lambda name: len(before[name])
            )
            now = await ask("who_is_in_room", room=room)
            if {one.id for one in client.get_presence().get(room, ())} == {one.id for one in before[room]}:
                break
    assert sorted((one["user_id"] or "", one["name"] or "") for one in now["people"]) == sorted(
        (one.user_id or "", one.user_name or "") for one in before[room]
    )
    assert now["certainty"]["ongoing"] == len(before[room])


def _days(truth):
    day = truth.start
    while day <= truth.end:
        yield day
        day += timedelta(days=1)
