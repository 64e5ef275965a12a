"""Golden files: what each vendor sends, and what is heard of it.

`tests/sources/VENDOR/*.json`: `about` says which story it is; `body` is an object (sent compactly) or
the text itself; `heard` lists the events, times in ms, without what is unknown; or `unreadable` holds
words of the refusal. `headers`, `url`, `received_at` are the delivery's. With `secrets`, the file is
genuine as it stands, and is verified.
"""

import json

import msgspec
import pytest

from headcount import BadInput
from headcount.sources.api import Role, parse_trusted
from headcount.sources.registry import SOURCES
from support.golden_payloads import FILES, request_of


def shown(heard):
    event = msgspec.to_builtins(heard.event)
    known = {name: value for name, value in event.items() if value is not None}
    role = {} if heard.role is Role.PERSON else {"role": str(heard.role)}
    return known | role | ({"everywhere": True} if heard.server_wide else {})


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_golden_delivery_is_heard_as_told(file):
    told = json.loads(file.read_text())
    source, request = SOURCES[file.parent.name], request_of(told)
    assert told["about"]
    if "secrets" in told:
        source.verify(request, told["secrets"])
    if "unreadable" in told:
        with pytest.raises(BadInput, match=told["unreadable"]):
            parse_trusted(source, request)
    else:
        assert [shown(heard) for heard in parse_trusted(source, request)] == told["heard"]


def test_each_vendor_has_golden_deliveries():
    assert {file.parent.name for file in FILES} >= set(SOURCES) - {"generic"}
