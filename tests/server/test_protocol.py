"""The undocumented parts of uvicorn and httptools that the server's protocol uses. A release that changes them fails here."""

import inspect
import tomllib
from importlib.metadata import version

import httptools
import pytest
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from headcount.server.fast_path import FastPathRequest
from support import ROOT

CYCLE = [
    "scope", "transport", "flow", "logger", "access_logger", "access_log", "default_headers", "message_event",
    "expect_100_continue", "keep_alive", "on_response",
]  # fmt: skip
METHODS = (
    "connection_made", "connection_lost", "data_received", "on_message_begin", "on_url", "on_header", "on_headers_complete",
    "on_body", "on_message_complete", "on_response_complete", "pause_writing", "resume_writing", "timeout_keep_alive_handler",
    "_start_asgi_task", "_unset_keepalive_if_required",
)  # fmt: skip
ATTRIBUTES = (
    "access_log", "access_logger", "app", "connections", "cycle", "expect_100_continue", "flow", "headers", "logger", "loop",
    "parser", "scope", "server_state", "transport", "url",
)  # fmt: skip
PARSER = (
    "feed_data", "get_http_version", "get_method", "set_dangerous_leniencies", "should_keep_alive", "should_upgrade",
)  # fmt: skip
DEPENDENCIES = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]


def moved(what):
    """The message for what another release has changed."""
    return (
        f"{what}: uvicorn {version('uvicorn')} or httptools {version('httptools')} differs from the releases that"
        " src/headcount/server/protocol.py and fast_path.py were written for. Adapt them, or lower the upper bound of"
        " the version in pyproject.toml."
    )


@pytest.mark.parametrize("package", ["uvicorn", "httptools"])
def test_the_version_has_an_upper_bound(package):
    (dependency,) = [line for line in DEPENDENCIES if line.startswith(package)]
    assert ",<" in dependency, (
        f"{dependency}: the server's protocol depends on undocumented parts of {package}"
    )


def test_a_cycle_has_these_parameters():
    found = list(inspect.signature(RequestResponseCycle).parameters)
    assert found == CYCLE, moved("the parameters of RequestResponseCycle")


@pytest.mark.parametrize("name", METHODS)
def test_the_protocol_has_this_method(name):
    assert callable(getattr(HttpToolsProtocol, name, None)), moved(f"HttpToolsProtocol.{name}()")


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_the_protocol_has_this_attribute(name):
    assert f"self.{name}" in inspect.getsource(HttpToolsProtocol), moved(f"HttpToolsProtocol.{name}")


@pytest.mark.parametrize("name", PARSER)
def test_the_parser_has_this_method(name):
    assert callable(getattr(httptools.HttpRequestParser, name, None)), moved(f"HttpRequestParser.{name}()")


def test_the_parser_stops_at_an_upgrade_with_the_offset_of_the_rest():
    parser = httptools.HttpRequestParser(object())
    head = b"GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
    with pytest.raises(httptools.HttpParserUpgrade) as stopped:
        parser.feed_data(head + b"rest")
    assert stopped.value.args[0] == len(head), moved("HttpParserUpgrade")


def test_flow_control_and_state_have_these_attributes():
    assert "write_paused" in inspect.getsource(FlowControl), moved("FlowControl.write_paused")
    assert hasattr(ServerState(), "default_headers"), moved("ServerState.default_headers")


def test_the_server_has_these_methods():
    for name in ("capture_signals", "handle_exit", "serve", "shutdown"):
        assert callable(getattr(uvicorn.Server, name, None)), moved(f"Server.{name}()")


def test_a_fast_path_request_has_all_attributes_of_a_cycle_that_the_protocol_uses():
    used = {
        name.partition("(")[0].strip()
        for line in inspect.getsource(HttpToolsProtocol).splitlines()
        for name in line.replace("existing_cycle.", "self.cycle.").split("self.cycle.")[1:]
        for name in [name.split(".")[0].split(" ")[0].split(":")[0].rstrip(")+=")]
    }
    assert used <= set(dir(FastPathRequest)), moved(f"the attributes {sorted(used)} of a cycle")
