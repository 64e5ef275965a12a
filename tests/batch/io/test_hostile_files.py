"""Files made to overload a reader: nested without end, one line of gigabytes, compressed a thousandfold."""

import gzip
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from headcount.cli import main
from headcount.store.open import open_store

DEEP = b"[" * 200_000
EVENT = b'{"room":"r","participant_id":"a","kind":"join","at":1772442000000,"x":'
MEGABYTE = 10**6
MOST_KB = 500_000
"""Far less than what the files below unpack to."""


def run(*arguments):
    done = CliRunner().invoke(main, [str(one) for one in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.parametrize(
    "line", [DEEP, EVENT + DEEP, EVENT + b'{"a":' * 100_000, EVENT.replace(b'"x"', b'"attributes"') + DEEP]
)
def test_a_line_nested_too_deeply_is_an_invalid_row(tmp_path, line):
    file = tmp_path / "deep.ndjson"
    file.write_bytes(EVENT.removesuffix(b',"x":') + b"}\n" + line + b"\n")
    for command in (("sessionize",), ("import", "--database", tmp_path / "a.db")):
        done = run(*command, file)
        assert (done.exit_code, f"{file}, line 2: the line is" in done.stderr, "nested" in done.stderr) == (
            2,
            True,
            True,
        )
        assert run(*command, file, "--skip-invalid").exit_code == 0


@pytest.mark.parametrize("source", ["generic", "livekit", "daily-meetings", "bbb-dashboard"])
def test_a_vendor_file_nested_too_deeply_is_refused(tmp_path, source):
    file = tmp_path / "deep.json"
    file.write_bytes(DEEP + b"\n")
    done = run("import", "--source", source, file, "--database", tmp_path / "a.db")
    assert (done.exit_code, done.stderr.startswith(f"headcount: {file}")) == (2, True), done.stderr


def test_settings_and_mappings_nested_too_deeply_are_refused(tmp_path):
    (tmp_path / "deep.toml").write_bytes(b"database = " + DEEP)
    (tmp_path / "deep.json").write_bytes(DEEP)
    done = run("config", "--config", tmp_path / "deep.toml")
    assert (done.exit_code, "deep.toml: is not TOML" in done.stderr) == (2, True)
    open_store(str(tmp_path / "a.db")).close()
    add = ("source", "create", "generic", "--secret", "word", "--database", tmp_path / "a.db")
    done = run(*add, "--mapping", tmp_path / "deep.json")
    assert (done.exit_code, "deep.json: is not JSON" in done.stderr) == (2, True)


def packed(path, beginning, piece, pieces):
    """A gzip file of many members, which is as good as one and made at once."""
    path.write_bytes(gzip.compress(beginning) + gzip.compress(piece) * pieces)
    return path


HEADER = b"room,participant_id,kind,at\n"
BOMBS = [
    ("a.ndjson.gz", b"", b"\0" * MEGABYTE, (), "has a line of more than 16,777,216 bytes"),
    ("a.csv.gz", HEADER, b"a" * MEGABYTE, (), "has a line of more than 16,777,216 bytes"),
    ("b.csv.gz", b"", b"a" * MEGABYTE, (), "has a line of more than 16,777,216 bytes"),
    ("c.csv.gz", HEADER + b'"', b"\n" * MEGABYTE, (), "field larger than field limit"),
    ("a.gz", b"", b"\n" * MEGABYTE, ("--source", "generic"), "unpacks to more than 100,000,000 bytes"),
]


@pytest.mark.parametrize(("name", "beginning", "piece", "options", "words"), BOMBS)
@pytest.mark.process
def test_a_compressed_file_needs_no_more_memory_than_allowed(
    tmp_path, name, beginning, piece, options, words
):
    file = packed(tmp_path / name, beginning, piece, 1_200)
    assert file.stat().st_size < 20 * MEGABYTE
    command = [
        sys.executable,
        "-m",
        "headcount",
        "import",
        str(file),
        "--database",
        str(tmp_path / "a.db"),
        *options,
    ]
    # Usage of children is the largest of any; a process in between separates it from what others used before.
    script = (
        "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], capture_output=True, text=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); print(done.returncode); print(done.stderr)"
    )
    asked = subprocess.run(
        [sys.executable, "-c", script, *command], check=True, capture_output=True, text=True, timeout=120
    )
    kilobytes, code, output = asked.stdout.split("\n", 2)
    assert (code, words in output) == ("2", True), output
    assert int(kilobytes) < MOST_KB, kilobytes


def test_a_compressed_file_of_a_usual_size_is_read(tmp_path):
    rows = b"".join(
        json.dumps({"room": "r", "kind": kind, "participant_id": f"p{n}", "at": 1_772_442_000 + n}).encode()
        + b"\n"
        for n in range(20_000)
        for kind in ("join", "leave")
    )
    (tmp_path / "log.gz").write_bytes(gzip.compress(rows))
    done = run("import", "--source", "generic", tmp_path / "log.gz", "--database", tmp_path / "a.db")
    assert done.stdout.startswith("Imported 40,000 events."), done.output
