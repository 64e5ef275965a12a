"""The dashboard on the SQL views: each query runs on a real PostgreSQL with demo data, as a role that reads the views only."""

import re
import subprocess
import sys
import time
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.rows import dict_row

from support import ROOT
from support.grafana import BOARDS, panel_queries, panels, variables, with_variables
from support.running_service import PATIENCE_S
from support.waiting import wait_until

BOARD = BOARDS["headcount-meetings"]
QUERIES = {query.place: query.text for query in panel_queries(BOARD, "rawSql")}
DAYS = 2
DAY_S = 86_400
GRANTS = re.search(r"```sql\n(create role grafana .*?)```", (ROOT / "docs/how-to/grafana.md").read_text(), re.DOTALL)[1]  # fmt: skip


@pytest.fixture
def demo(postgres, tmp_path):
    """A connection as the role of the documentation, to a database with demo data; rows are dictionaries."""
    url, folder = postgres.database(), tmp_path
    command = [
        sys.executable, "-m", "headcount", "demo", "--database", url, "--port", "0", "--days", str(DAYS)
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={"XDG_STATE_HOME": str(folder)})
    try:
        with psycopg.connect(url, autocommit=True) as owner:
            wait_until(lambda: has_live_rooms(owner), PATIENCE_S, (folder / "log").read_text)
            owner.execute(GRANTS)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
    with psycopg.connect(
        url.replace("headcount@", "grafana@"), autocommit=True, row_factory=dict_row
    ) as connection:
        yield connection
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("drop owned by grafana")
        owner.execute("drop role grafana")


def has_live_rooms(connection):
    """Whether the engine has processed the past, and rooms are occupied."""
    try:
        found = connection.execute("select max(start_time), bool_or(ongoing) from meetings_v1").fetchone()
    except psycopg.errors.UndefinedTable:
        return False
    return found[1] and time.time() - found[0] < DAY_S


def expanded(text, **values):
    """Return SQL with the macro and the variables replaced, as Grafana does it for PostgreSQL.

    A variable with one value replaces its name, with quotes doubled. One with several values is a list of literals; its
    value for all is inserted as it is.
    """
    now = int(time.time())
    text = re.sub(r"\$__unixEpochFilter\((\w+)\)", rf"\1 >= {now - (DAYS + 1) * DAY_S} AND \1 <= {now}", text)
    rooms = values.pop("room", None)
    listed = ",".join(f"'{room}'" for room in rooms) if rooms else variables(BOARD)["room"]["allValue"]
    given = {"domain": "demo", "timezone": "Europe/Berlin"} | values
    return with_variables(
        text, {name: value.replace("'", "''") for name, value in given.items()} | {"room": listed}
    )


def rows(connection, place, **values):
    return connection.execute(expanded(QUERIES[place], **values)).fetchall()


def require_rows_of_every_query(demo):
    """For all rooms and for the two most used, in two time zones, and none for a domain without meetings."""
    busiest = [row["room"] for row in rows(demo, "Rooms by usage, A")[:2]]
    for place in QUERIES:
        assert contents(rows(demo, place)), place
        assert contents(rows(demo, place, room=busiest)) or place == "Ongoing meetings, A", place
        assert contents(rows(demo, place, timezone="UTC")), place
        assert not contents(rows(demo, place, domain="o'neil")), place


def contents(found):
    """Return the values in rows that are neither empty nor 0."""
    return [value for row in found for value in row.values() if value not in {None, 0}]


@pytest.mark.parametrize("place", QUERIES)
def test_a_query_reads_no_more_than_the_time_range(place):
    """Each use of a view has the filters that its indexes serve."""
    text = QUERIES[place]
    assert len(re.findall(r"_v1\b", text)) == text.count("$__unixEpochFilter(start_time)")
    assert (
        text.count("domain = '$domain'") == text.count("room in ($room)") == len(re.findall(r"_v1\b", text))
    )


def require_times_and_numbers_of_time_series(demo):
    targets = [
        target for panel in panels(BOARD) for target in panel["targets"] if target["format"] == "time_series"
    ]
    assert len(targets) >= 4
    for target in targets:
        found = demo.execute(expanded(target["rawSql"])).fetchall()
        times = [row["time"] for row in found]
        assert all(isinstance(one, datetime) and one.tzinfo for one in times)
        assert times == sorted(set(times))
        assert all(float(value) >= 0 for row in found for name, value in row.items() if name != "time")


def require_values_of_variables(demo):
    own = variables(BOARD)
    assert rows_of(demo, own["domain"]["query"]) == ["demo"]
    offered = rows_of(demo, own["room"]["query"])
    assert len(offered) > 5
    assert {row["room"] for row in rows(demo, "Rooms by usage, A")} <= set(offered)


def rows_of(connection, query):
    return [next(iter(row.values())) for row in connection.execute(expanded(query)).fetchall()]


def require_agreement_of_panels(demo):
    number = {
        place: next(iter(found[0].values())) for place in QUERIES if len(found := rows(demo, place)) == 1
    }
    meetings = number["Meetings, A"]
    assert meetings == sum(row["meetings"] for row in rows(demo, "Meetings per day, A"))
    assert meetings == sum(row["meetings"] for row in rows(demo, "Meetings by duration, A"))
    assert meetings >= sum(row["meetings"] for row in rows(demo, "Rooms by usage, A")) > 0
    minutes = float(number["Participant-minutes, A"])
    for place in ("Participant-minutes per day, A", "Participant-minutes by hour of the day, A"):
        assert float(sum(row["minutes"] for row in rows(demo, place))) == pytest.approx(minutes, rel=0.01)
    hours = float(sum(row["participants"] for row in rows(demo, "Average participants per hour, A")))
    assert hours * 60 == pytest.approx(minutes, rel=0.01)
    peak = number["Peak participants, A"]
    assert peak == max(row["peak"] for row in rows(demo, "Peak participants of a room per hour, A"))
    assert 0 < number["Median duration, A"] <= rows(demo, "Longest meetings, A")[0]["duration"] < DAYS * DAY_S
    assert number["Rooms, A"] == len(rows(demo, "Rooms by usage, A"))
    assert 0 < len(rows(demo, "People by time, A")) <= number["People, A"]
    assert [row["hour_of_day"] for row in rows(demo, "Participant-minutes by hour of the day, A")] == sorted(
        row["hour_of_day"] for row in rows(demo, "Participant-minutes by hour of the day, A")
    )
    ongoing = rows(demo, "Ongoing meetings, A")
    assert all(
        row["participants"] == len(row["people"].split(", ")) for row in ongoing if row["participants"]
    )
    assert all(row["started_at"] < datetime.now(UTC) for row in ongoing)


def test_links_lead_to_pages_of_the_dashboard():
    urls = {
        link["url"]
        for panel in panels(BOARD)
        for override in panel["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] == "links"
        for link in prop["value"]
    }
    value = "${__value.raw:percentencode}"
    assert urls == {
        f"${{headcount_url}}/dashboard/{page}{value}" for page in ("room?name=", "person?id=", "meetings/")
    }


@pytest.mark.process
def test_the_dashboard_shows_what_is_in_the_database(demo):
    """One test, because the demo takes long to start."""
    require_rows_of_every_query(demo)
    require_times_and_numbers_of_time_series(demo)
    require_values_of_variables(demo)
    require_agreement_of_panels(demo)
