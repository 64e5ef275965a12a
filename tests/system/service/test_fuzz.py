"""Some hundred hostile requests, the same each time, on both databases: none causes an internal error.

`make attack` sends a hundred thousand.
"""

import asyncio

import pytest

from support.fuzz import api_of, known_of
from support.hostile import Hostile, attack
from support.running_service import Running

NUMBER = 600


@pytest.fixture(params=["sqlite", "postgres"])
def attacked(request, tmp_path):
    database = request.getfixturevalue("postgres").database() if request.param == "postgres" else None
    running = Running(tmp_path, database, events_per_5s=0, request_timeout_s=20).start()
    yield running
    running.stop()


@pytest.mark.parametrize("attacked", ["sqlite", "postgres"], indirect=True)
def test_no_request_causes_an_internal_error(attacked):
    hostile = Hostile(20_261_129, known_of(attacked), api_of(attacked))
    statuses, failures = asyncio.run(attack(attacked.url, hostile, NUMBER))
    assert [(*failure[:3], failure[3][:300], failure[4][:300]) for failure in failures] == []
    assert sum(statuses.values()) == NUMBER
    assert statuses[200] > NUMBER // 10, statuses
    assert "Traceback" not in attacked.log.read_text()
