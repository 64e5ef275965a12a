"""The timeline of a room in a terminal."""

import pytest
from rich.cells import cell_len

from headcount import Entry, Meeting
from headcount.reporting.terminal_timeline import timeline

NINE = 1_769_850_000_000  # 2026-01-31T09:00:00Z
MINUTE = 60_000


def at(minutes):
    return None if minutes is None else NINE + minutes * MINUTE


def entry(who, join, leave, name=None):
    return Entry(who, None, name, at(join), at(leave), None)


def meeting(start, end, *entries):
    return Meeting(f"{start}", "default", "blue", at(start), at(end), len(entries), entries)


def draw(*meetings, start=0, end=50, width=62):
    return timeline(meetings, at(start), at(end), width)


def line(picture, label):
    """Return what is drawn next to a label. One cell is a minute."""
    (found,) = [line[11:] for line in picture if line.startswith(label)]
    return found


def test_a_stay_is_a_bar_from_join_to_leave():
    assert line(draw(meeting(0, 50, entry("ann", 10, 15))), "ann") == " " * 10 + "█████"


def test_the_shortest_stay_is_visible():
    brief = Entry("ann", None, None, at(10), at(10) + 1, None)
    assert line(draw(meeting(0, 50, brief)), "ann") == " " * 10 + "▌"


def test_a_stay_in_the_second_half_of_a_cell_is_drawn_there():
    brief = Entry("ann", None, None, at(11) - 1, at(11), None)
    assert line(draw(meeting(0, 50, brief)), "ann") == " " * 10 + "▐"


def test_an_open_stay_ends_in_an_arrow():
    assert line(draw(meeting(0, None, entry("ann", 40, None)), end=49), "ann").endswith("█▸")


def test_two_stays_of_a_participant_are_on_one_line():
    picture = draw(meeting(0, 50, entry("ann", 0, 2), entry("ann", 4, 6)))
    assert line(picture, "ann") == "██  ██"


def test_the_number_of_participants_is_drawn_as_heights():
    picture = draw(meeting(0, 50, entry("ann", 0, 4), entry("bob", 2, 4)))
    assert line(picture, "Peak 2") == "▄▄██"


def test_meetings_are_brackets_with_their_durations():
    assert line(draw(meeting(0, 20, entry("ann", 0, 20))), "Meetings") == "┣━━━━━━ 20m ━━━━━━━┫"


def test_meetings_back_to_back_share_no_cell():
    picture = draw(meeting(0, 4, entry("ann", 0, 4)), meeting(4, 8, entry("ann", 4, 8)))
    assert line(picture, "Meetings") == "┣━━┫┣━━┫"


def test_an_ongoing_meeting_ends_in_an_arrow():
    assert line(draw(meeting(40, None, entry("ann", 40, None)), end=49), "Meetings").endswith("▸")


def test_stays_outside_the_range_are_not_drawn():
    picture = draw(meeting(0, 5, entry("ann", 0, 5)), meeting(20, 25, entry("bob", 20, 25)), start=10)
    assert [text for text in picture if text.startswith("ann")] == []


def test_the_axis_has_ticks_at_round_times():
    picture = draw(meeting(0, 50, entry("ann", 0, 50)))
    assert picture[-1] == "2026-01-31 09:00     09:10     09:20     09:30     09:40"


def test_of_many_participants_the_rest_is_a_number():
    crowd = [entry(f"p{n:03}", 0, 50) for n in range(52)]
    picture = draw(meeting(0, 50, *crowd))
    assert "and 12 more" in picture


def test_the_same_name_of_two_participants_has_their_ids():
    picture = draw(meeting(0, 50, entry("p1", 0, 50, "Ann"), entry("p2", 0, 50, "Ann")), width=80)
    assert [text[:8] for text in picture[1:3]] == ["Ann (p1)", "Ann (p2)"]


def test_a_name_cannot_control_the_terminal():
    assert "\x1b" not in "".join(draw(meeting(0, 50, entry("p1", 0, 50, "\x1b[2J"))))


@pytest.mark.parametrize("width", [30, 31, 40, 80, 200])
@pytest.mark.parametrize("name", ["Ann", "A name that goes on and on and on", "会議室の長い名前の参加者です"])
@pytest.mark.parametrize("minutes", [1, 59, 600, 100_000])
def test_no_line_is_wider_than_the_terminal(width, name, minutes):
    picture = draw(meeting(0, None, entry("p1", 0, None, name)), end=minutes, width=width)
    assert max(map(cell_len, picture)) <= width


def test_the_timeline_has_a_minimum_width():
    assert max(map(cell_len, draw(meeting(0, 50, entry("ann", 0, 50)), width=5))) <= 30


def test_without_meetings_nothing_is_drawn():
    assert [text for text in draw() if "█" in text] == []
