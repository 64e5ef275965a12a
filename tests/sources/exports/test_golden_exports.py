"""Golden files: what vendors hand out, and what is heard of it.

`tests/sources/exports/FORM/*.json`: `about` says which story it is. The file is `body`, an object; `lines`, each ended by
a line feed; or `bodies`, objects one after the other. `encoding` is that of the file, `asked` what the operator says of it.
`heard` lists the events, without what is unknown; `bad` the complaints; or `unreadable` holds the refusal.
"""

import json

import msgspec
import pytest

from headcount import BadInput
from headcount.sources.api import Role
from headcount.sources.exports.api import ExportFile, parse_export
from headcount.sources.exports.registry import EXPORT_FORMATS
from headcount.sources.registry import SOURCES
from headcount.timestamps import spoken
from support.golden_exports import FILES, content_of, options_of


def shown(heard):
    event = {name: value for name, value in msgspec.to_builtins(heard.event).items() if value is not None}
    times = {name: spoken(event[name]) for name in ("at", "joined_at") if name in event}
    return event | times | ({} if heard.role is Role.PERSON else {"role": str(heard.role)})


def parse(told, form):
    bad = []
    heard = parse_export(form, ExportFile(content_of(told), "history"), options_of(told), bad.append)
    return [shown(one) for one in heard], [str(one) for one in bad]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_golden_file_is_heard_as_told(file):
    told, form = json.loads(file.read_text()), EXPORT_FORMATS[file.parent.name]
    assert told["about"]
    if "unreadable" in told:
        with pytest.raises(BadInput) as refused:
            parse(told, form)
        assert refused.value.reason == told["unreadable"]
    else:
        assert parse(told, form) == (told["heard"], told.get("bad", []))


def test_each_form_has_golden_files():
    assert {file.parent.name for file in FILES} == set(EXPORT_FORMATS) - set(SOURCES)
