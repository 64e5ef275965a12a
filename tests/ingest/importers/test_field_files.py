"""Field files: what vendors' portals, servers and spreadsheets really write, imported by the command and exported again.

`field_files/NAME.toml` is about the file NAME beside it: `description` is the claim, `source` and `options` are those of
`headcount import`, and `refused` is the complete error. Otherwise `output` lists the lines of the output without the database,
and `meetings` what is exported: each has `room`, `start`, `end`, and `participants` as `[name, join, leave, left_by]`. An ongoing
meeting has no `end`, and a participant who is present has '' for `leave` and `left_by`. Where `command` is `sessionize`, the file
is read by that command.
"""

import tomllib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "field_files"
FILES = sorted(FOLDER.glob("*.toml"))


def moment(text):
    """Return a time without `.000`, as the descriptions have it."""
    return (text or "").replace(".000Z", "Z")


def participant(row):
    return [row["user_name"] or "", moment(row["join"]), moment(row["leave"]), row["left_by"] or ""]


def as_table(row, participants):
    own = [participant(one) for one in participants if one["meeting_id"] == row["id"]]
    times = {name: moment(row[name]) for name in ("start", "end") if row[name] is not None}
    return {"room": row["room"]} | times | {"participants": own}


def exported(store, case, file):
    out = store.folder / "out"
    if case.get("command") == "sessionize":
        result = store.command("sessionize", file, "-o", out, *case.get("options", []), "--format", "ndjson")
    else:
        result = store.import_export(case["source"], file, *case.get("options", []))
        if not result.exit_code:
            store.run("export", "-o", out, "--format", "ndjson")
    return result


@pytest.mark.usefixtures("each_lane")
@pytest.mark.parametrize("description", FILES, ids=lambda file: file.stem)
def test_a_field_file_is_imported_or_refused(store, description):
    case = tomllib.loads(description.read_text())
    file = description.with_suffix("")
    assert case["description"]
    result = exported(store, case, file)
    lines = [
        line.replace(str(file), file.name) for line in result.output.splitlines() if "Database: " not in line
    ]
    if "refused" in case:
        assert lines == [f"headcount: {case['refused']}"]
        assert result.exit_code == 2
        return
    assert lines == case["output"]
    participants = store.rows("participants")
    assert [as_table(row, participants) for row in store.rows("meetings")] == case["meetings"]


def test_each_field_file_has_a_description():
    assert {file.name for file in FOLDER.iterdir() if file.suffix != ".toml"} == {file.stem for file in FILES}
