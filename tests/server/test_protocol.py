"""What `headcount.http.protocol` stands on and uvicorn and httptools do not document. A release that changes it fails here."""

import inspect

import httptools
import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from headcount.server.protocol import Whole

CYCLE = [
    "scope", "transport", "flow", "logger", "access_logger", "access_log", "default_headers", "message_event",
    "expect_100_continue", "keep_alive", "on_response",
]  # fmt: skip
METHODS = (
    "connection_made", "connection_lost", "data_received", "on_message_begin", "on_url", "on_header", "on_headers_complete",
    "on_body", "on_message_complete", "on_response_complete", "pause_writing", "resume_writing", "timeout_keep_alive_handler",
    "_start_asgi_task", "_unset_keepalive_if_required",
)  # fmt: skip
KEPT = (
    "connections",
    "cycle",
    "expect_100_continue",
    "flow",
    "headers",
    "loop",
    "parser",
    "scope",
    "server_state",
    "transport",
    "url",
)


def test_a_cycle_is_made_of_these():
    assert list(inspect.signature(RequestResponseCycle).parameters) == CYCLE


@pytest.mark.parametrize("name", METHODS)
def test_the_protocol_has_these_methods(name):
    assert callable(getattr(HttpToolsProtocol, name))


@pytest.mark.parametrize("name", KEPT)
def test_the_protocol_keeps_these(name):
    assert f"self.{name}" in inspect.getsource(HttpToolsProtocol)


def test_the_rest_is_there():
    assert "write_paused" in inspect.getsource(FlowControl)
    assert hasattr(ServerState(), "default_headers")
    assert callable(httptools.HttpRequestParser.should_upgrade)
    assert callable(httptools.HttpRequestParser.set_dangerous_leniencies)


def test_what_stands_for_a_cycle_has_all_that_the_protocol_asks_of_one():
    asked = {
        name.partition("(")[0].strip()
        for line in inspect.getsource(HttpToolsProtocol).splitlines()
        for name in line.replace("existing_cycle.", "self.cycle.").split("self.cycle.")[1:]
        for name in [name.split(".")[0].split(" ")[0].split(":")[0].rstrip(")+=")]
    }
    assert asked <= {*Whole.__slots__, "message_event"}
