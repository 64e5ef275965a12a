"""Golden files: a request of each vendor and the events that it must be parsed into.

`tests/sources/VENDOR/*.json`: `description` states the claim; `body` is an object (sent as compact JSON) or
the text itself; `events` lists the events, times in ms, without absent fields, attributes as an object; or `error` is a pattern of the
error message. `headers`, `url`, `received` are those of the request. With `secrets`, the signature in the file is
genuine, and is verified.
"""

import json

import msgspec
import pytest

from headcount import BadInput
from headcount.kernel.attributes import values_of
from headcount.sources.api import Role, parse_trusted
from headcount.sources.registry import SOURCES
from support.golden_payloads import FILES, request_of


def as_json(parsed):
    event = msgspec.to_builtins(parsed.event)
    present = {name: value for name, value in event.items() if value is not None}
    if parsed.event.attributes is not None:
        present["attributes"] = values_of(parsed.event.attributes)
    role = {} if parsed.role is Role.PERSON else {"role": str(parsed.role)}
    return present | role | ({"server_wide": True} if parsed.server_wide else {})


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_golden_request_is_parsed_into_its_events(file):
    golden = json.loads(file.read_text())
    source, request = SOURCES[file.parent.name], request_of(golden)
    assert golden["description"]
    if "secrets" in golden:
        source.verify(request, golden["secrets"])
    if "error" in golden:
        with pytest.raises(BadInput, match=golden["error"]):
            parse_trusted(source, request)
    else:
        assert [as_json(parsed) for parsed in parse_trusted(source, request)] == golden["events"]


def test_each_vendor_has_golden_requests():
    assert {file.parent.name for file in FILES} >= set(SOURCES) - {"generic"}
