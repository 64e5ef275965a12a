"""Golden files: what vendors hand out, and what is heard of it.

`tests/history/FORM/*.json`: `about` says which story it is. The file is `body`, an object; `lines`, each ended by
a line feed; or `bodies`, objects one after the other. `encoding` is that of the file, `asked` what the operator says of it.
`heard` lists the events, without what is unknown; `bad` the complaints; or `unreadable` holds the refusal.
"""

import json
from pathlib import Path

import msgspec
import pytest

from headcount import BadInput
from headcount.history.catalog import FORMS
from headcount.history.forms import Asked, File, heard_in
from headcount.history.zones import zone_named
from headcount.moments import spoken
from headcount.sources.catalog import SOURCES
from headcount.sources.deliveries import Role

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*/*.json"))


def bytes_of(told):
    if "body" in told:
        return json.dumps(told["body"], ensure_ascii=False, indent=2).encode()
    if "bodies" in told:
        return b"".join(json.dumps(body, ensure_ascii=False).encode() for body in told["bodies"])
    return "".join(f"{line}\n" for line in told["lines"]).encode(told.get("encoding", "utf-8"))


def asked_of(told):
    asked = told.get("asked", {})
    zone = asked.get("zone")
    dates = asked.get("dates")
    return Asked(asked.get("room", ""), zone and zone_named(zone), dates and dates == "day-first")


def shown(heard):
    event = {name: value for name, value in msgspec.to_builtins(heard.event).items() if value is not None}
    times = {name: spoken(event[name]) for name in ("at", "joined_at") if name in event}
    return event | times | ({} if heard.role is Role.PERSON else {"role": str(heard.role)})


def read(told, form):
    bad = []
    heard = heard_in(form, File(bytes_of(told), "history"), asked_of(told), bad.append)
    return [shown(one) for one in heard], [str(one) for one in bad]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_golden_file_is_heard_as_told(file):
    told, form = json.loads(file.read_text()), FORMS[file.parent.name]
    assert told["about"]
    if "unreadable" in told:
        with pytest.raises(BadInput) as refused:
            read(told, form)
        assert refused.value.reason == told["unreadable"]
    else:
        assert read(told, form) == (told["heard"], told.get("bad", []))


def test_each_form_has_golden_files():
    assert {file.parent.name for file in FILES} == set(FORMS) - set(SOURCES)
