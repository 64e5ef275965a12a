"""Print view of a meeting: all people, the timeline and its legend, without controls.

Responsible for the values of the page. Must not know paper sizes: the browser does.
"""

import asyncio

from starlette.responses import Response

from headcount.dashboard import charts
from headcount.dashboard.pages import meeting as meeting_page
from headcount.dashboard.pages.meeting_people import people_table
from headcount.dashboard.pages.meeting_timeline import timeline_of
from headcount.dashboard.renderer import View, render

_MAX_BARS = 25
"""With more people, the timeline shows only their number: the table has the times of each."""


async def page(view: View) -> Response:
    """GET /dashboard/meetings/ID/print."""
    meeting, _ = await asyncio.to_thread(meeting_page.find, view)
    loaded = await asyncio.to_thread(meeting_page.load, view, meeting)
    everybody = {**view.query, "people": str(max(1, len(loaded.people)))}
    return await asyncio.to_thread(
        render, view, "meeting_print.html", row=loaded.row,
        back=view.url(f"/meetings/{meeting.id}"), charts=charts,
        table=people_table(meeting, loaded.people, view.now, everybody),
        timeline=timeline_of(meeting, loaded.people, loaded.entries, None, view),
        bars=range(len(loaded.people) if len(loaded.people) <= _MAX_BARS else 0),
    )  # fmt: skip
