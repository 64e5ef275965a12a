"""Stays whose fields may still change: an open stay, and a stay whose leave is inferred but not confirmed (R3a).

Responsible for the fields and names of one stay. Must not know rooms, or which events change a stay.
"""

from collections.abc import Collection, Sequence
from typing import Any

from headcount.kernel.attributes import Attributes, merge
from headcount.kernel.events import Event, Ms
from headcount.kernel.meetings import Stay
from headcount.kernel.stay_table import LeftBy

Names = tuple[str | None, str | None, Attributes | None]
"""What is known of a participant: user id, user name and attributes."""

_new = tuple.__new__  # makes a `Stay` of its fields as `Stay(...)` does, in half the time


class OpenStay:
    """A mutable stay. `to_stay` returns it as published.

    `reported`: its join was reported, not inferred. `counted`: it is long enough to count (R4). `dropped`: it is
    part of an earlier stay, because the leave between them was overridden (R3a).
    """

    __slots__ = (
        "attributes",
        "counted",
        "dropped",
        "join",
        "joined_as",
        "leave",
        "left_by",
        "names_before_leave",
        "participant_id",
        "reported",
        "source_session",
        "user_id",
        "user_name",
    )

    def __init__(
        self,
        participant_id: str,
        join: Ms,
        user_id: str | None,
        user_name: str | None,
        source_session: str | None,
        reported: bool,  # noqa: FBT001 - a fact of the stay, not a switch
        attributes: Attributes | None = None,
    ) -> None:
        self.participant_id = participant_id
        self.join = join
        self.user_id = user_id
        self.user_name = user_name
        self.source_session = source_session
        self.reported = reported
        self.attributes = attributes
        self.leave: Ms | None = None
        self.left_by: LeftBy | None = None
        self.counted = False
        self.dropped = False
        self.joined_as: Names | None = None
        """The names at the join; None if nothing was learned since."""
        self.names_before_leave: Names | None = None
        """The names before the events of the leave; None before it, or if it could add none."""

    @property
    def names(self) -> Names:
        """What is known of the participant."""
        return self.user_id, self.user_name, self.attributes

    def as_joined(self) -> Stay:
        """Return the stay as published before its leave, which must not depend on how far ahead events are known."""
        if self.names_before_leave is None:
            return _new(
                Stay,
                (self.participant_id, self.join, None, None, self.user_id, self.user_name, self.attributes),
            )
        return Stay(self.participant_id, self.join, None, None, *self.names_before_leave)

    def to_stay(self) -> Stay:
        """Return the stay as it is now, as an immutable value."""
        return _new(
            Stay,
            (
                self.participant_id,
                self.join,
                self.leave,
                self.left_by,
                self.user_id,
                self.user_name,
                self.attributes,
            ),
        )

    def learn(self, events: Collection[Event]) -> None:
        """Fill in unknown names, attributes and the source session from the events of one instant (R1)."""
        if self.joined_as is None:
            self.joined_as = self.names
        if self.user_id is None:
            self.user_id = min((e.user_id for e in events if e.user_id is not None), default=None)
        if self.user_name is None:
            self.user_name = min((e.user_name for e in events if e.user_name is not None), default=None)
        if self.source_session is None:
            sessions = (e.source_session for e in events if e.source_session is not None)
            self.source_session = min(sessions, default=None)
        self.attributes = merge(self.attributes, [e.attributes for e in events])

    def copy(self) -> "OpenStay":
        """Return an independent copy."""
        made = OpenStay(
            self.participant_id,
            self.join,
            self.user_id,
            self.user_name,
            self.source_session,
            self.reported,
            self.attributes,
        )
        made.leave, made.left_by = self.leave, self.left_by
        made.counted, made.dropped = self.counted, self.dropped
        made.joined_as, made.names_before_leave = self.joined_as, self.names_before_leave
        return made

    def pack(self) -> tuple[Any, ...]:
        """Return what events reported about the stay as plain values, for `unpack`."""
        left_by = None if self.left_by is None else self.left_by.value
        known = (self.participant_id, self.join, self.user_id, self.user_name, self.source_session)
        return (*known, self.reported, self.attributes, self.leave, left_by)

    @staticmethod
    def unpack(values: Sequence[Any]) -> "OpenStay":
        """Return the stay that `pack` described."""
        stay = OpenStay(*values[:7])
        stay.leave = values[7]
        stay.left_by = None if values[8] is None else LeftBy(values[8])
        return stay


class UnconfirmedLeave:
    """An inferred leave that a later report may still override (R3a).

    `stay` is the stay that it closed, `latest` the stay of the same participant that was last closed by
    inference since, and `merged` the one stay that they all are if nobody had left.
    """

    __slots__ = ("latest", "merged", "names_before_leave", "rejoined", "stay")

    def __init__(
        self, stay: OpenStay, merged: OpenStay | None = None, latest: OpenStay | None = None
    ) -> None:
        self.stay = stay
        self.merged = merged or OpenStay.unpack(stay.pack())
        self.latest = latest or stay
        self.rejoined: list[OpenStay] = []
        self.names_before_leave = self.merged.names

    def copy(self) -> "UnconfirmedLeave":
        """Return a copy. It cannot be overridden: that requires folding from before the stay began."""
        made = UnconfirmedLeave(self.stay.copy(), self.merged.copy(), self.latest.copy())
        made.names_before_leave = self.names_before_leave
        return made

    def pack(self) -> tuple[tuple[Any, ...], ...]:
        """Return the three stays as plain values."""
        return self.stay.pack(), self.merged.pack(), self.latest.pack()

    def override(self) -> None:
        """Undo the leave: the stay takes the names that became known since, and later stays become part of it."""
        stay, merged = self.stay, self.merged
        if stay.joined_as is None:
            stay.joined_as = stay.names
        stay.user_id, stay.user_name, stay.attributes = merged.names
        stay.names_before_leave = self.names_before_leave
        for part in self.rejoined:
            part.dropped = True
