"""The compose files: what they promise, and their environments in real processes."""

import threading
import tomllib
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest
import yaml

from support import ROOT
from support.compose import FILES, Composed, compose
from support.livekit_source import person, present, sent, webhook
from support.poll_vendor import KEY, SECRET, LiveKit
from support.running_service import PATIENCE_S
from support.waiting import wait_until

pytestmark = pytest.mark.process

GIVEN = {"LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET, "HEADCOUNT_TOKEN": "fixed-token"}
API_KEY = f"hc_{'compose0' * 4}"


def services(name):
    return compose(name, **GIVEN)["services"]


def of_headcount(name):
    return {key: one for key, one in services(name).items() if key.startswith("headcount")}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_starts_this_version_and_confines_it(file):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert of_headcount(file.name)
    for service in of_headcount(file.name).values():
        assert service["image"] == f"localhost/headcount:{version}"
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert [volume.partition(":")[2] for volume in service["volumes"]] == ["/var/lib/headcount"]
    for service in services(file.name).values():
        assert all(port.startswith(("127.0.0.1:", "7881:", "7882:")) for port in service.get("ports", ()))


def test_a_missing_variable_is_named_by_compose():
    with pytest.raises(KeyError, match="LIVEKIT_API_KEY is required"):
        compose("compose.livekit.yaml")


def test_headcount_alone_starts(tmp_path):
    service = Composed(tmp_path, of_headcount("compose.yaml")["headcount"]["environment"]).start()
    assert "http://127.0.0.1:8080/dashboard/sign-in?link=" in service.access()
    service.stop()


def test_beside_livekit_the_first_meeting_shows_without_any_other_step(tmp_path):
    vendor = LiveKit()
    found = services("compose.livekit.yaml")
    environment = found["headcount"]["environment"] | {
        "HEADCOUNT_SOURCE_LIVEKIT_POLL_INTERVAL_S": "1s",
        "HEADCOUNT_ADMIN_KEY": API_KEY,
        "HEADCOUNT_MIN_STAY_S": "0",
    }
    service = Composed(tmp_path, environment, **{"http://livekit:7880": vendor.url}).start()
    service.key = API_KEY
    config = yaml.safe_load(found["livekit"]["environment"]["LIVEKIT_CONFIG"])
    (url,) = config["webhook"]["urls"]
    assert urlsplit(url).hostname in found
    secret = f"{config['webhook']['api_key']}:{config['keys'][config['webhook']['api_key']]}"
    joined = webhook("participant_joined", participant=person("ann", 1_767_225_600))
    try:
        assert sent(service, urlsplit(url).path, joined, secret=secret).status_code == 200
        vendor.join("polled", "bob")
        wait_until(lambda: present(service, "polled") == {"bob"})
        assert {one["room"] for one in service.client().get("/meetings").json()["data"]} == {"standup"}
    finally:
        vendor.close()
        service.stop()


def test_of_two_processes_on_postgresql_one_takes_over(tmp_path, postgres):
    found = services("compose.postgres.yaml")
    assert all(
        one["depends_on"] == {"postgres": {"condition": "service_healthy"}}
        for one in of_headcount("compose.postgres.yaml").values()
    )
    url, key = tmp_path / "database_url", tmp_path / "admin_key"
    url.write_text(f"{postgres.database()}\n")
    key.write_text(f"{API_KEY}\n")
    both = []
    for name in ("headcount-1", "headcount-2"):
        (tmp_path / name).mkdir()
        environment = found[name]["environment"] | {"HEADCOUNT_SOURCE_GENERIC_SECRET": "word"}
        secrets = {"/run/secrets/database_url": str(url), "/run/secrets/admin_key": str(key)}
        both.append(Composed(tmp_path / name, environment, **secrets))
    starting = [threading.Thread(target=one.start) for one in both]
    for thread in starting:
        thread.start()
    for thread in starting:
        thread.join(PATIENCE_S)
    for service in both:
        service.key = API_KEY
    try:
        wait_until(lambda: any(leads(one) for one in both))
        first, second = sorted(both, key=leads, reverse=True)
        with second.client() as client:
            assert client.post("/events?wait=true", json=join("ann"), timeout=PATIENCE_S).status_code == 200
            first.kill()
            assert client.post("/events?wait=true", json=join("bob"), timeout=PATIENCE_S).status_code == 200
        wait_until(lambda: leads(second))
        assert present(second, "r") == {"ann", "bob"}
    finally:
        for service in both:
            service.stop()


def join(name):
    return {"room": "r", "kind": "join", "participant_id": name, "user_id": name}


def leads(service):
    return "headcount_engine_leader 1.0" in httpx.get(f"{service.url}/metrics", timeout=PATIENCE_S).text
