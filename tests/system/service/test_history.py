"""History as a vendor gives it comes in while the service runs, and its answers tell of it."""

import time

from support import ROOT
from support.running_service import PATIENCE_S, headcount

DUMP = ROOT / "docs/examples/daily-meetings.json"


def meetings_told_by(service):
    """What the service answers, once it has worked in what was imported."""
    until = time.monotonic() + PATIENCE_S
    with service.client() as client:
        while not (answer := client.get("/meetings?room=standup")).json()["data"]:
            assert time.monotonic() < until, "the service never told of it"
            time.sleep(0.05)
    return answer


def test_the_service_works_in_what_is_imported_beside_it(service):
    done = headcount("import", "--source", "daily-meetings", DUMP, "--database", service.database)
    assert "The service that runs on this store works them in." in done.stderr
    (meeting,) = meetings_told_by(service).json()["data"]
    assert (meeting["start_time"], meeting["duration"]) == (1772442000, 900)
    assert [(one["user_name"], one["duration"]) for one in meeting["participants"]] == [
        ("Ann", 900),
        ("Bob", 720),
    ]


def test_what_the_service_answers_is_a_dump_itself(service, tmp_path):
    headcount("import", "--source", "daily-meetings", DUMP, "--database", service.database)
    dump = tmp_path / "dump.json"
    dump.write_bytes(meetings_told_by(service).content)
    again = headcount("import", "--source", "daily-meetings", dump, "--database", service.database)
    assert again.stdout == "0 events taken, 2 known already, 0 left out\n"
