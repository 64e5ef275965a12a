"""Golden files: an export of each vendor and the events that it must be parsed into.

`tests/sources/exports/FORMAT/*.json`: `description` states the claim. The file is `body`, an object; `lines`, each ended by
a line feed; or `bodies`, objects one after the other. `encoding` is that of the file, `options` are the operator's.
`events` lists the events, without absent fields, attributes as an object; `row_errors` the errors of single rows; `skipped_rows` those that contain nothing
to import; or `error` is the error of the file.
"""

import json

import msgspec
import pytest

from headcount import BadInput
from headcount.kernel.attributes import values_of
from headcount.sources.api import Role
from headcount.sources.exports.api import ExportFile, SkippedRow, parse_export
from headcount.sources.exports.registry import EXPORT_FORMATS
from headcount.sources.registry import SOURCES
from headcount.timestamps import format_timestamp
from support.golden_exports import FILES, content_of, options_of


def as_json(parsed):
    event = {name: value for name, value in msgspec.to_builtins(parsed.event).items() if value is not None}
    times = {name: format_timestamp(event[name]) for name in ("at", "joined_at") if name in event}
    if parsed.event.attributes is not None:
        event["attributes"] = values_of(parsed.event.attributes)
    return event | times | ({} if parsed.role is Role.PERSON else {"role": str(parsed.role)})


def parse(golden, export_format):
    errors = []
    file = ExportFile(content_of(golden), "history")
    events = parse_export(export_format, file, options_of(golden), errors.append)
    skipped = [str(error) for error in errors if isinstance(error, SkippedRow)]
    invalid = [str(error) for error in errors if not isinstance(error, SkippedRow)]
    return [as_json(parsed) for parsed in events], invalid, skipped


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_golden_export_is_parsed_into_its_events(file):
    golden, export_format = json.loads(file.read_text()), EXPORT_FORMATS[file.parent.name]
    assert golden["description"]
    if "error" in golden:
        with pytest.raises(BadInput) as refused:
            parse(golden, export_format)
        assert refused.value.reason == golden["error"]
    else:
        rows = golden.get("row_errors", []), golden.get("skipped_rows", [])
        assert parse(golden, export_format) == (golden["events"], *rows)


def test_each_format_has_golden_exports():
    assert {file.parent.name for file in FILES} == set(EXPORT_FORMATS) - set(SOURCES)
