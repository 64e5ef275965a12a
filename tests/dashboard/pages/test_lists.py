"""Date ranges, sorting and paging of the lists, in a store with a known clock."""

import asyncio
import re
from dataclasses import fields
from datetime import datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import httpx2 as httpx
import pytest
from starlette.applications import Starlette

from headcount.dashboard.app import routes
from headcount.dashboard.auth import COOKIE, Sessions
from headcount.dashboard.context import PageContext
from headcount.kernel.rules import Rules
from headcount.settings import read_settings
from headcount.store.credentials import Role
from headcount.store.open import open_store
from headcount.store.records import BatchChanges, MeetingRow, StayRow

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, DAY = 60_000, 86_400_000
NOW = round(datetime(2026, 11, 30, 9, 30, tzinfo=BERLIN).timestamp()) * 1_000


class Dashboard:
    """The pages of a store, without a network."""

    def __init__(self, store):
        self.store = store
        store.access_tokens.create_session("acme", Role.VIEWER, "test", None, NOW, "secret")
        nothing = SimpleNamespace()
        context = PageContext(
            store, Rules(), nothing, lambda: NOW, lambda: "", "Europe/Berlin", "", "/v1", "test",
            read_settings({}, {}), *[nothing] * (len(fields(PageContext)) - 10),
        )  # fmt: skip
        self.app = Starlette(routes=routes(context, Sessions(context)))

    def has_meetings(self, *meetings):
        """Store ended meetings, each by its number, room, start and duration in ms."""
        rows = [
            MeetingRow("acme", f"m-{number}", room, start, start + duration, 2)
            for number, room, start, duration in meetings
        ]
        changes = BatchChanges(0, meetings={("acme", row.id): row for row in rows})
        self.store.projections.commit(changes, self.store.projections.take_over())

    def get(self, path):
        async def answer():
            transport = httpx.ASGITransport(self.with_state)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://test", cookies={COOKIE: "secret"}
            ) as client:
                return await client.get(f"/dashboard{path}")

        found = asyncio.run(answer())
        assert found.status_code == 200, found.text
        return found

    async def with_state(self, scope, receive, send):
        scope.setdefault("state", {})
        await self.app(scope, receive, send)

    def ids(self, path):
        return re.findall(r'id="meeting-(m-\d+)"', self.get(path).text)


@pytest.fixture
def dashboard(tmp_path):
    store = open_store(str(tmp_path / "headcount.db"))
    yield Dashboard(store)
    store.close()


def range_text(page):
    """The days that a page shows, and the name of the range that is chosen."""
    days = re.search(r'<p class="muted small">(?:(.*?) · )?Time zone', page)[1]
    chosen = re.search(r'aria-current="true">(.*?)</a>', page)
    return days, chosen and chosen[1]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/meetings", ("27 \N{EN DASH} 30 Nov 2026", "Last 7 days")),
        ("/meetings?range=today", ("30 Nov 2026", "Today")),
        ("/meetings?range=yesterday", ("29 Nov 2026", "Yesterday")),
        ("/meetings?range=30d", ("27 \N{EN DASH} 30 Nov 2026", "Last 30 days")),
        ("/meetings?range=all", ("From 27 Nov 2026", "All")),
        ("/meetings?from=2025-12-30&to=2026-01-02", ("30 Dec 2025 \N{EN DASH} 2 Jan 2026", None)),
        ("/meetings?to=2026-11-28", ("Until 28 Nov 2026", None)),
        ("/usage", ("27 \N{EN DASH} 30 Nov 2026", "Last 30 days")),
        ("/usage?range=last_month", ("1 \N{EN DASH} 31 Oct 2026", "Last month")),
        ("/usage?range=all", ("27 \N{EN DASH} 30 Nov 2026", "All")),
        ("/usage?from=2026-11-20", ("20 \N{EN DASH} 30 Nov 2026", None)),
    ],
)
def test_a_named_range_starts_where_the_data_starts(dashboard, path, expected):
    dashboard.has_meetings((1, "blue", NOW - 3 * DAY, MINUTE), (2, "blue", NOW - DAY, MINUTE))
    assert range_text(dashboard.get(path).text) == expected


def test_usage_of_all_time_is_limited_to_the_latest_ten_years(dashboard):
    dashboard.has_meetings((1, "blue", NOW - 5_000 * DAY, MINUTE), (2, "blue", NOW - DAY, MINUTE))
    assert dashboard.get("/usage.json?range=all").json()["first"] == "2016-11-23"


@pytest.mark.parametrize("path", ["/meetings", "/meetings?room=blue", "/usage", "/usage?range=all"])
def test_a_domain_without_meetings_has_a_page_that_leads_on(dashboard, path):
    page = dashboard.get(path).text
    assert "No meetings yet." in page
    assert '<a class="button" href="/dashboard">Open Live</a>' in page


def test_usage_is_grouped_by_the_attributes_in_use(dashboard):
    start, end = NOW - DAY, NOW - DAY + 60 * MINUTE
    dashboard.has_meetings((1, "blue", start, 60 * MINUTE))
    assert "Usage by attribute" not in dashboard.get("/usage").text
    stays = {
        who: StayRow("acme", "blue", start, who, end, "reported", None, None, attributes)
        for who, attributes in (("a", '{"customer":"R&D <1>"}'), ("b", None), ("c", '{"plan":"x"}'))
    }
    changes = BatchChanges(
        0,
        stays={("acme", "blue", start, who): row for who, row in stays.items()},
        pending_rollups={("acme", "blue"): (start, end)},
    )
    dashboard.store.projections.commit(changes, dashboard.store.projections.take_over())
    dashboard.store.usage_rollup.finish()
    page = dashboard.get("/usage").text
    assert "Usage by attribute" in page
    assert re.findall(r"attribute=(\w+)", page) == ["customer"]
    page = dashboard.get("/usage?attribute=customer").text
    assert "Usage by customer" in page
    rows = re.findall(
        r'<th scope="row"><span[^>]*>(.*?)</span></th>\s*<td[^>]*>(\d+)</td>\s*<td[^>]*>(\d+)</td>', page
    )
    assert rows == [("Without the attribute", "1", "120"), ("R&amp;D &lt;1&gt;", "1", "60")]
    values = dashboard.get("/usage.json?attribute=plan").json()["values"]
    assert [one["value"] for one in values] == [None, "x"]
    table = dashboard.get("/usage.csv?attribute=customer").text.splitlines()
    assert [line.split(",")[0] for line in table[1:]] == ["", "R&D <1>"]


def test_hours_to_come_are_not_listed(dashboard):
    dashboard.has_meetings((1, "blue", NOW - 3 * MINUTE, MINUTE))
    starts = [bucket["start"] for bucket in dashboard.get("/usage.json").json()["buckets"]]
    assert len(starts) == 10
    assert starts[-1] == "2026-11-30T09:00:00.000+01:00"


def test_a_meeting_that_runs_into_the_range_is_counted(dashboard):
    midnight = NOW - (9 * 60 + 30) * MINUTE
    dashboard.has_meetings(
        (1, "blue", midnight - 30 * MINUTE, 60 * MINUTE),
        (2, "red", midnight - 30 * MINUTE, 30 * MINUTE),
        (3, "green", midnight, MINUTE),
    )
    page = dashboard.get("/meetings?range=today").text
    assert "2 meetings" in page
    assert dashboard.ids("/meetings?range=today") == ["m-3", "m-1"]


def test_pages_of_a_sorted_table_have_no_gaps(dashboard):
    dashboard.has_meetings(
        *((n, f"room {n}", NOW - n * MINUTE, (n * 37 % 120 + 1) * MINUTE) for n in range(120))
    )
    found, path = [], "/meetings?sort=duration"
    while path:
        page = dashboard.get(path).text
        found += re.findall(r'id="meeting-(m-\d+)"', page)
        link = re.search(r'rel="next" href="/dashboard(.*?)"', page)
        path = link and link[1].replace("&amp;", "&")
    assert found == [f"m-{n}" for n in sorted(range(120), key=lambda n: -(n * 37 % 120))]


def test_more_meetings_than_can_be_sorted_stay_in_the_order_of_their_start_with_a_notice(dashboard):
    dashboard.has_meetings(*((n, "blue", NOW - (n + 1) * MINUTE, 1_000 + n) for n in range(1_001)))
    page = dashboard.get("/meetings?sort=duration&order=asc").text
    assert "Choose a shorter date range or one room." in page
    assert 'aria-sort="descending"><a' in page
    assert dashboard.ids("/meetings?sort=duration&order=asc")[:2] == ["m-0", "m-1"]
