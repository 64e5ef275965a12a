"""The compose file beside LiveKit, with the real server: the first meeting shows without touching anything."""

from urllib.parse import urlsplit

import pytest
import yaml

from live.livekit_client import Participant
from live.livekit_server import KEY, SECRET, LiveKit
from support.compose import Composed, compose
from support.livekit_source import present
from support.servers import free_port
from support.waiting import wait_until

API_KEY = f"hc_{'compose0' * 4}"
GIVEN = {"LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET, "HEADCOUNT_TOKEN": "fixed-token"}


class Configured(LiveKit):
    """The server with the configuration of the compose file, on free ports of the loopback."""

    def __init__(self, folder, config, webhook_url):
        self._given = config
        super().__init__(folder, webhook_url)

    def _configuration(self, webhook_url):
        own = super()._configuration(webhook_url)
        webhook = self._given["webhook"] | {"urls": own["webhook"]["urls"]}
        places = {name: own[name] for name in ("port", "bind_addresses", "rtc")}
        return self._given | places | {"webhook": webhook}


@pytest.fixture
def both(tmp_path):
    services = compose("compose.livekit.yaml", **GIVEN)["services"]
    config = yaml.safe_load(services["livekit"]["environment"]["LIVEKIT_CONFIG"])
    path = urlsplit(config["webhook"]["urls"][0]).path
    port = free_port()
    livekit = Configured(tmp_path, config, f"http://127.0.0.1:{port}{path}").start()
    environment = services["headcount"]["environment"] | {"HEADCOUNT_ADMIN_KEY": API_KEY}
    headcount = Composed(tmp_path, environment, **{"http://livekit:7880": livekit.url})
    headcount.variables["HEADCOUNT_PORT"] = str(port)
    headcount.start()
    headcount.key = API_KEY
    yield livekit, headcount
    headcount.stop()
    livekit.kill()


def test_the_first_meeting_shows_without_any_other_step(both):
    livekit, headcount = both
    participants = [
        Participant(livekit, "standup", name, name.title()).wait_until_joined() for name in ("ann", "bob")
    ]
    wait_until(lambda: present(headcount, "standup") == {"ann", "bob"})
    (meeting,) = wait_until(lambda: meetings(headcount))
    assert {one["user_name"] for one in meeting["participants"]} == {"Ann", "Bob"}
    for counter, result in (("requests", "accepted"), ("polls", "succeeded")):
        wait_until(
            lambda line=f'source_{counter}_total{{kind="livekit",result="{result}"}}': counted(
                headcount, line
            )
        )
    for participant in participants:
        participant.clean_up()


def meetings(headcount):
    return headcount.client().get("/meetings", params={"room": "standup"}).json()["data"]


def counted(headcount, line):
    return line in headcount.client().get(f"{headcount.url}/metrics").text
