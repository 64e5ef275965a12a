"""A store in a file and the routes that read it, over HTTP and without keys."""

from time import monotonic

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from headcount.command_hints import CommandHints
from headcount.http.context import QueryContext
from headcount.http.errors import HANDLERS
from headcount.http.middleware import Middleware
from headcount.http.routes.queries import routes
from headcount.kernel.attributes import canonical
from headcount.kernel.meetings import meeting_id
from headcount.kernel.rules import Rules
from headcount.maintenance.completeness import read_completeness
from headcount.settings import read_settings
from headcount.store.open import open_store
from headcount.store.records import BatchChanges, MeetingRow, PendingStayRow, StayRow, SupersededMeeting
from headcount.telemetry.metrics import Metrics

T0 = 1_767_225_600
"""2026-01-01, in unix seconds; the seconds of these tests count from it."""


def ms(second):
    return round((T0 + second) * 1_000)


class Inside:
    """Lets every request in, with the domain of a header."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        named = dict(scope["headers"]).get(b"x-domain", b"acme")
        scope.setdefault("state", {})["domain"] = named.decode()
        await self.app(scope, receive, send)


class World:
    """A store and the answers from it at `now`, a second of these tests."""

    t0 = T0

    def __init__(self, store, granularity_s=1):
        self.store = store
        self.now = 100_000
        self.epoch = store.projections.take_over()
        self.query_context = QueryContext(
            store.meetings,
            store.usage,
            Rules(),
            lambda: ms(self.now),
            granularity_s,
            history=store.history,
            completeness=self.completeness,
            senders=store.sources.senders,
        )
        app = Starlette(routes=routes(self.query_context), exception_handlers=HANDLERS)
        app.router.redirect_slashes = False  # the middleware removes them, as in the service
        hints = CommandHints(read_settings({"database": "unused.db"}, {}))
        middleware = Middleware(Inside(app), {}, Metrics(), monotonic, "test", hints)
        self.client = TestClient(middleware, raise_server_exceptions=False)

    def completeness(self, domain):
        cursor, _ = self.store.projections.cursor()
        return read_completeness(self.store, domain, ms(self.now), cursor, Rules().late_grace_ms)

    def stay(
        self, who, join, leave=None, *, room="blue", domain="acme", user_id=None, user_name=None,
        left_by="reported", **attributes,
    ):  # fmt: skip
        left_by = None if leave is None else left_by
        end = None if leave is None else ms(leave)
        known = canonical(attributes)
        row = StayRow(domain, room, ms(join), who, end, left_by, user_id, user_name, known)
        self.commit(BatchChanges(0, stays={(domain, room, row.join, who): row}))

    def pending(self, who, join, *, room="blue", domain="acme", user_id=None, user_name=None, **attributes):
        """Put an open stay into the store that is too young to count."""
        row = PendingStayRow(domain, room, ms(join), who, user_id, user_name, canonical(attributes))
        self.commit(BatchChanges(0, pending_stays={row[:4]: row}))

    def meeting(self, start, end=None, *, room="blue", domain="acme", most=1, carried=None):
        """Put a meeting into the store and return its id; `carried` is (join, participant_id)."""
        name = meeting_id(domain, room, ms(start))
        went_on = () if carried is None else (ms(carried[0]), carried[1])
        row = MeetingRow(domain, name, room, ms(start), None if end is None else ms(end), most, *went_on)
        ended = {} if row.end is None else {(domain, room): (row.start, row.end)}
        self.commit(BatchChanges(0, meetings={(domain, name): row}, pending_rollups=ended))
        return name

    def met(self, start, end, *people, room="blue", domain="acme", **known):
        """A meeting with those who were in it from its start to its end."""
        for who in people:
            self.stay(who, start, end, room=room, domain=domain, **known)
        return self.meeting(start, end, room=room, domain=domain, most=len(people))

    def replaced(self, start, *, room="blue", domain="acme"):
        """The id of a meeting that a correction withdrew."""
        name = meeting_id(domain, room, ms(start))
        gone = SupersededMeeting(domain, name, room, ms(start), ms(self.now))
        self.commit(BatchChanges(0, superseded=[gone]))
        return name

    def known(self, name, created, *, domain="acme"):
        """Put a room into the store whose first event was at a second."""
        self.commit(BatchChanges(0, rooms={(domain, name): (ms(created), None, ms(created))}))

    def commit(self, done):
        self.store.projections.commit(done, self.epoch)

    def ask(self, path, domain="acme", **query):
        return self.client.get(path, params=query or None, headers={"x-domain": domain})

    def get(self, path, **query):
        """The JSON of a successful answer."""
        answer = self.ask(path, **query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        return answer.json()

    def refused(self, path, **query):
        """Status, type and sentence of an error."""
        answer = self.ask(path, **query)
        body = answer.json()
        assert set(body) == {"error", "info"}
        assert isinstance(body["info"], str)
        assert len(body["info"]) > 10
        return answer.status_code, body["error"], body["info"]

    def ids(self, **query):
        return [one["id"] for one in self.get("/meetings", **query)["data"]]


@pytest.fixture
def store(tmp_path):
    store = open_store(str(tmp_path / "store.db"), durability="off")
    yield store
    store.close()


@pytest.fixture
def world(store):
    return World(store)


@pytest.fixture
def coarse_world(store):
    """A world with a granularity of 15 seconds."""
    return World(store, granularity_s=15)


@pytest.fixture
def world_of():
    """The world of an existing store."""
    return World
