"""The fast path of the server: heads that are not parsed again, and the timer of idle connections."""

import json
from itertools import count

import pytest
import uvicorn
from uvicorn.server import ServerState

from headcount.http.middleware import Middleware
from headcount.server.fast_path import FastPathProtocol, KnownHeads
from headcount.telemetry.metrics import Metrics

BODY = b'{"room": "standup"}'


class Timer:
    def __init__(self, due, call):
        self.due, self.call, self.is_cancelled = due, call, False

    def cancel(self):
        self.is_cancelled = True


class Task:
    """A request that goes through the application."""

    def add_done_callback(self, callback): ...


class Loop:
    """A loop of which only the time, the timers and the number of tasks exist."""

    def __init__(self):
        self.now = 0.0
        self.timers, self.tasks = [], []

    def time(self):
        return self.now

    def call_later(self, seconds, call, *args):
        self.timers.append(Timer(self.now + seconds, lambda: call(*args)))
        return self.timers[-1]

    def create_task(self, coroutine):
        coroutine.close()
        self.tasks.append(Task())
        return self.tasks[-1]

    def sleep(self, seconds):
        until = self.now + seconds
        while due := [timer for timer in self.timers if timer.due <= until]:
            first = min(due, key=lambda timer: timer.due)
            self.timers.remove(first)
            if not first.is_cancelled:
                self.now = first.due
                first.call()
        self.now = until


class Transport:
    def __init__(self):
        self.written, self.is_closed = b"", False

    def write(self, data):
        self.written += data

    def close(self):
        self.is_closed = True

    abort = close

    def is_closing(self):
        return self.is_closed

    def get_extra_info(self, _):
        return None

    def get_write_buffer_size(self):
        return 0

    def pause_reading(self): ...

    def resume_reading(self): ...


class App:
    """An application that answers a request with its body, at once or later."""

    def __init__(self):
        self.prepared, self.handled, self.later = [], [], None

    async def __call__(self, scope, receive, send):
        raise NotImplementedError

    def prepare(self, headers):
        self.prepared.append(headers)
        return headers.get(b"x-name", b"")

    def handle_complete(self, request, head):
        self.handled.append((head, request.body))
        if self.later is None:
            request.answer(request.body)
        else:
            self.later.append(request)


class Server:
    def __init__(self):
        self.app, self.loop, self.known = App(), Loop(), KnownHeads()
        numbers = count()
        middleware = Middleware(
            self.app, {"/events": self.app}, Metrics(), lambda: next(numbers) / 1_000, "test", None
        )
        self.config = uvicorn.Config(
            middleware, lifespan="off", log_config=None, proxy_headers=False, timeout_keep_alive=75
        )
        self.config.load()

    def connect(self):
        connection = FastPathProtocol(
            config=self.config, server_state=ServerState(), app_state={}, _loop=self.loop, request_timeout_s=30,
            max_connections=10, known_heads=self.known,
        )  # fmt: skip
        connection.connection_made(Transport())
        return connection


@pytest.fixture
def server():
    return Server()


def request(body=BODY, more=b""):
    return b"POST /events HTTP/1.1\r\nhost: a\r\n%scontent-length: %d\r\n\r\n%s" % (more, len(body), body)


def answers(connection):
    return connection.transport.written.count(b"HTTP/1.1 200 OK\r\n")


def test_the_head_of_an_answered_request_is_not_parsed_again(server):
    first, second = server.connect(), server.connect()
    first.data_received(request(more=b"x-name: b\r\n"))
    second.parser = None
    for n in range(3):
        second.data_received(request(b'{"room": "stand-%d"}' % n, b"x-name: b\r\n"))
    assert len(server.app.prepared) == 1
    assert server.app.handled == [(b"b", BODY), *((b"b", b'{"room": "stand-%d"}' % n) for n in range(3))]
    assert answers(second) == 3


def test_another_head_is_parsed(server):
    connection = server.connect()
    for more in (b"x-name: a\r\n", b"x-name: b\r\n", b"x-name: a\r\n", b""):
        connection.data_received(request(more=more))
    assert [name for name, _ in server.app.handled] == [b"a", b"b", b"a", b""]
    assert len(server.app.prepared) == 3


def test_a_head_is_not_known_before_its_request_is_answered(server):
    server.app.later = []
    first, second = server.connect(), server.connect()
    first.data_received(request())
    second.data_received(request())
    assert len(server.app.prepared) == 2
    for waiting in server.app.later:
        waiting.answer(b"{}")
    first.data_received(request())
    assert len(server.app.prepared) == 2
    assert (answers(first), answers(second)) == (1, 1)


def test_what_follows_a_known_request_is_parsed_with_it(server):
    connection = server.connect()
    connection.data_received(request())
    connection.data_received(request() + request(b"{}"))
    assert [body for _, body in server.app.handled] == [BODY, BODY, b"{}"]
    assert answers(connection) == 3


def test_a_known_head_within_another_request_is_a_part_of_it(server):
    connection = server.connect()
    connection.data_received(request())
    outer, inner = request(request()), request()
    connection.data_received(outer[: -len(inner)])
    connection.data_received(inner)
    assert server.app.handled == [(b"", BODY)]
    assert len(server.loop.tasks) == 1
    assert connection.cycle.body == inner


@pytest.mark.parametrize("start", [b"P", b"POST /events HTTP/1.1\r\nx: "])
def test_a_known_head_after_the_start_of_a_head_is_a_part_of_that(server, start):
    connection = server.connect()
    connection.data_received(request())
    connection.data_received(start)
    connection.data_received(request())
    assert connection.transport.is_closed or len(server.app.prepared) == 2


def test_a_body_in_chunks_is_not_known_by_its_head(server):
    head = b"POST /events HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    connection = server.connect()
    for text in (b"13\r\n%s\r\n0\r\n\r\n" % BODY, b"2\r\n{}\r\n0\r\n\r\n"):
        connection.data_received(head + text)
    assert [body for _, body in server.app.handled] == [BODY, b"{}"]
    assert len(server.app.prepared) == 2


@pytest.mark.parametrize("more", [b"connection: close\r\n", b"expect: 100-continue\r\n"])
def test_a_head_with_other_wishes_is_not_known(server, more):
    for _ in range(2):
        server.connect().data_received(request(more=more))
    assert (len(server.known), len(server.loop.tasks)) == (0, 2)


def test_heads_are_bounded_in_number_and_size(server):
    connection = server.connect()
    for n in range(1_500):
        connection.data_received(request(more=b"x-name: %d\r\n" % n))
    assert len(server.known) <= 1_024
    connection.data_received(request(more=b"x-name: %s\r\n" % (b"n" * 3_000)))
    assert max(map(len, server.known)) < 2_048


def test_a_connection_is_closed_once_it_was_idle_for_long(server):
    connection = server.connect()
    for _ in range(10):
        connection.data_received(request())
        server.loop.sleep(70)
    assert not connection.transport.is_closed
    assert len([timer for timer in server.loop.timers if not timer.is_cancelled]) == 1
    server.loop.sleep(10)
    assert connection.transport.is_closed


def test_a_connection_that_waits_for_its_answer_is_not_closed(server):
    connection = server.connect()
    connection.data_received(request())
    server.app.later = []
    connection.data_received(request())
    server.loop.sleep(200)
    assert not connection.transport.is_closed
    server.app.later[0].answer(json.dumps({}).encode())
    server.loop.sleep(74)
    assert not connection.transport.is_closed
    server.loop.sleep(2)
    assert connection.transport.is_closed
