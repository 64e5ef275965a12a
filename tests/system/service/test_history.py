"""Importing a vendor's export while the service runs."""

import time

from support import ROOT
from support.running_service import PATIENCE_S, headcount

DUMP = ROOT / "docs/examples/daily-meetings.json"


def wait_for_meetings(service):
    """Return the meetings of the service, once it has processed the import."""
    until = time.monotonic() + PATIENCE_S
    with service.client() as client:
        while not (answer := client.get("/meetings?room=standup")).json()["data"]:
            assert time.monotonic() < until, "the service shows no meeting"
            time.sleep(0.05)
    return answer


def test_the_service_processes_what_a_command_imports(service):
    done = headcount("import", "--source", "daily-meetings", DUMP, "--database", service.database)
    assert "The server that runs on this database processes them." in done.stderr
    (meeting,) = wait_for_meetings(service).json()["data"]
    assert (meeting["start_time"], meeting["duration"]) == (1772442000, 900)
    assert [(one["user_name"], one["duration"]) for one in meeting["participants"]] == [
        ("Ann", 900),
        ("Bob", 720),
    ]


def test_an_answer_of_the_service_can_be_imported(service, tmp_path):
    headcount("import", "--source", "daily-meetings", DUMP, "--database", service.database)
    dump = tmp_path / "dump.json"
    dump.write_bytes(wait_for_meetings(service).content)
    again = headcount("import", "--source", "daily-meetings", dump, "--database", service.database)
    assert again.stdout == "Imported 0 events. Skipped 2 duplicates and 0 other rows.\n"
