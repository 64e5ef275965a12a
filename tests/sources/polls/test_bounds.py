"""Limits of a poll: they are those of every entrance, and one invalid participant does not affect the others."""

import asyncio

import pytest

from headcount.errors import BadInput
from headcount.ingest.normalize import inferred_entries
from headcount.ingest.polling.poller import observe
from headcount.ingest.source_config import configure
from headcount.kernel.events import Event, Kind
from headcount.limits import NAME_BYTES, Limits
from headcount.sources.polls.api import PollResult, PresentParticipant
from headcount.store.sources import SourceRow

PREFIX = "eu/"
ROW = SourceRow(
    "t", "galene", "acme", "asked", ("root:pw",), {"poll": "http://127.0.0.1:9", "room_prefix": PREFIX}
)
LONG = "\N{GRINNING FACE}" * (NAME_BYTES // 4)


def observed(*present, unclear=(), limits=Limits()):  # noqa: B008 - it is frozen
    async def ask(*_):
        return PollResult(present, frozenset(unclear))

    return asyncio.run(observe(configure(ROW), ask, lambda: 1_772_442_000_000, lambda: "x", limits))


def test_participants_with_names_that_are_too_long_are_left_out_alone():
    """The prefix counts: with it, the name of a room may be too long. An optional id that is too long is unknown."""
    others = [
        PresentParticipant(LONG, "a"), PresentParticipant("r", LONG + "a"), PresentParticipant("r", "b", LONG + "a"), PresentParticipant("r", "c", source_session=LONG + "a"),
        PresentParticipant("", "d"), PresentParticipant("r\0", "e"),
    ]  # fmt: skip
    found = observed(*others, PresentParticipant("r", "ann"), unclear=[LONG, "s"])
    present = [(one.participant_id, one.user_id, one.source_session) for one in found.participants]
    assert present == [("b", None, None), ("c", None, None), ("ann", None, None)]
    assert found.unclear_rooms == {"eu/s"}
    assert found.excluded == 0


def test_a_display_name_is_cut():
    event = Event(Kind.JOIN, "r", 1_772_442_000_000, "a", user_name=LONG + "more")
    (entry,) = inferred_entries([event], configure(ROW).policy, 1_772_442_000_000, Limits())
    assert entry.user_name == LONG


def test_a_list_with_too_many_participants_changes_nothing():
    with pytest.raises(BadInput, match=r"^3 at once: at most 2 are accepted \(max_events\)$"):
        observed(*(PresentParticipant("r", participant) for participant in "abc"), limits=Limits(events=2))
