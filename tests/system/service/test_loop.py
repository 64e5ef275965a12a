"""No route queries the store in the event loop, where one slow query would block all requests."""

import asyncio
from contextlib import contextmanager

import httpx2 as httpx
import pytest

from headcount.service.access import create_first_key
from headcount.service.container import Service
from headcount.settings import read_settings
from headcount.store.sqlite import SqliteDatabase
from support.hostile import LASTING, PARTS, paths_of_pages


def refuse_in_loop():
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise AssertionError("the store was queried in the event loop")


@pytest.fixture
def service(tmp_path, monkeypatch):
    for name in ("reading", "writing"):
        real = getattr(SqliteDatabase, name)

        @contextmanager
        def guarded(self, real=real):
            refuse_in_loop()
            with real(self) as connection:
                yield connection

        monkeypatch.setattr(SqliteDatabase, name, guarded)
    made = Service(read_settings({"database": str(tmp_path / "x.db")}, {}))
    made.start()
    yield made
    made.stop()


async def requests(service, key):
    """Request every route once, and return the statuses by path."""
    served = service.app()

    async def app(scope, receive, send):
        await served({**scope, "state": {}}, receive, send)

    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    statuses = {}
    async with httpx.AsyncClient(transport=transport, base_url="http://x", timeout=60) as client:
        signed_in = await client.post("/dashboard/sign-in", data={"key": key})
        assert signed_in.status_code == 303
        api = (await client.get("/openapi.json")).json()["paths"]
        bearer = {"Authorization": f"Bearer {key}"}
        asked = [
            ("/healthz", "GET"),
            ("/readyz", "GET"),
            ("/metrics", "GET"),
            ("/version", "GET"),
            ("/llms.txt", "GET"),
            ("/v1/ingest/jitsi/x", "POST"),
            *((f"/v1{path}", way.upper()) for path, ways in api.items() for way in ways),
            *((path, way) for path in paths_of_pages() for way in ("GET", "POST") if "sign-out" not in path),
        ]
        for path, way in asked:
            if path in LASTING:
                continue
            url = PARTS.sub("x", path)
            body = {"content": b"{}"} if path.startswith("/v1") else {"data": {}}
            answer = await client.request(way, url, headers=bearer, **({} if way == "GET" else body))
            statuses[way, path] = answer.status_code
    return statuses


def test_no_route_queries_the_store_in_the_event_loop(service):
    _, key = create_first_key(service.store, "default", service.clock)
    statuses = asyncio.run(requests(service, key))
    assert len(statuses) > 100
    assert {path: status for path, status in statuses.items() if status >= 500} == {}
    assert (
        statuses["GET", "/v1/meetings"]
        == statuses["GET", "/dashboard/settings"]
        == statuses["GET", "/readyz"]
        == 200
    )
