"""docs/reference/python-client.md is true: its examples print what it shows, and its tables are complete."""

import contextlib
import inspect
import io
import re

import pytest

from headcount import client as package
from headcount.client import AsyncClient, Client, errors
from support import ROOT
from support.client_variants import operations
from support.running_service import Running
from support.waiting import wait_until

pytestmark = pytest.mark.process

PAGE = (ROOT / "docs/reference/python-client.md").read_text()
EXAMPLES = re.findall(r"```py\n(.*?)```\s+prints\s+```text\n(.*?)```", PAGE, re.DOTALL)


def test_the_examples_print_what_the_page_shows(tmp_path, monkeypatch):
    service = Running(tmp_path)
    service.start()
    try:
        monkeypatch.setenv("HEADCOUNT_URL", service.url)
        monkeypatch.setenv("HEADCOUNT_API_KEY", service.make_key("default", "read", "ingest"))
        assert len(EXAMPLES) == PAGE.count("```py\n") == 6
        for code, expected in EXAMPLES:
            assert printed(code) == expected
            with service.client() as client:
                wait_until(lambda one=client: one.get("/meetings").json()["total_count"] == 1)
    finally:
        service.stop()


def printed(code):
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        exec(compile(code, "page", "exec"), {})
    return text.getvalue()


def table_after(heading):
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)


def test_every_operation_is_listed():
    listed = {name for cell in table_after("Operations") for name in re.findall(r"`(\w+)`", cell)}
    own = {name for name, _ in operations()}
    assert listed == {*own, "stream_events"}


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_every_parameter_of_a_client_and_of_the_stream_is_listed_with_its_default(kind):
    for heading, function in (("Clients", kind), ("Streams", kind.stream_events)):
        listed = [cell.strip("`") for cell in table_after(heading)]
        parameters = [name for name in inspect.signature(function).parameters if name != "self"]
        assert listed == parameters


def test_every_error_is_listed():
    own = {
        name
        for name, one in vars(errors).items()
        if isinstance(one, type) and one.__module__ == errors.__name__ and name != "ClientError"
    }
    assert {cell.strip("`") for cell in table_after("Errors")} == own
    assert own < set(package.__all__)
