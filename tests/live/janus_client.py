"""Client of Janus with a microphone as a process of its own, which can be stopped or killed.

As a program (`janus_client.py URL PLUGIN ROOM NAME`) it joins, reports that once media flow, and leaves when its input ends.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from live.livekit_client import Client, report


class Participant(Client):
    """One client of Janus. `sid` is its id in the room."""

    def __init__(self, janus, room, name, plugin="videoroom"):
        self.name = name
        super().__init__(__file__, janus.url, plugin, room, name)


class Connection:
    """A session with one handle. Events of the server arrive as responses to long polls."""

    def __init__(self, http, url):
        self._http = http
        self._url = url
        self._events = asyncio.Queue()

    async def open(self, plugin, opaque_id):
        self._session = (await self._post(self._url, janus="create"))["data"]["id"]
        self._path = f"{self._url}/{self._session}"
        attached = await self._post(
            self._path, janus="attach", plugin=f"janus.plugin.{plugin}", opaque_id=opaque_id
        )
        self._handle = f"{self._path}/{attached['data']['id']}"
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._stay_alive())]

    async def _listen(self):
        while True:
            async with self._http.get(self._path, params={"maxev": 1}) as answer:
                await self._events.put(await answer.json())

    async def _stay_alive(self):
        while True:
            await asyncio.sleep(1)
            await self._post(self._path, janus="keepalive")

    async def request(self, body, jsep=None):
        """Send a request and return the plugin's later answer, with the offer or answer of the other side."""
        offered = {} if jsep is None else {"jsep": {"type": jsep.type, "sdp": jsep.sdp}}
        await self._post(self._handle, janus="message", body=body, **offered)
        while True:
            event = await asyncio.wait_for(self._events.get(), 20)
            if event.get("transaction") == body["request"]:
                return event["plugindata"]["data"], event.get("jsep")

    async def close(self):
        for task in self._tasks:
            task.cancel()
        await self._post(self._path, janus="destroy")

    async def _post(self, url, **message):
        named = {"transaction": message.get("body", message).get("request", "t"), **message}
        async with self._http.post(url, json=named) as answer:
            response = await answer.json()
            assert response["janus"] in ("success", "ack"), response
            return response


async def stay(url, plugin, room, name):
    import aiohttp
    from aiortc import RTCPeerConnection, RTCSessionDescription
    from aiortc.mediastreams import AudioStreamTrack

    async with aiohttp.ClientSession() as http:
        janus = Connection(http, url)
        await janus.open(plugin, f"user-{name}")
        requested_at = time.time()
        joining = {"request": "join", "ptype": "publisher", "room": int(room), "display": name.title()}
        joined, _ = await janus.request(joining)
        assert "id" in joined, joined
        media = RTCPeerConnection()
        flows = asyncio.Event()
        media.on(
            "connectionstatechange", lambda: flows.set() if media.connectionState == "connected" else None
        )
        media.addTrack(AudioStreamTrack())
        await media.setLocalDescription(await media.createOffer())
        _, answer = await janus.request({"request": "configure"}, media.localDescription)
        await media.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
        await asyncio.wait_for(flows.wait(), 20)
        report("joined", requested_at=requested_at, sid=str(joined["id"]))
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        at = time.time()
        await janus.request({"request": "leave"})
        await janus.close()
        report("left", at=at)
        os._exit(0)  # closing the media takes seconds


if __name__ == "__main__":
    asyncio.run(stay(*sys.argv[1:]))
