"""No command prints control characters to a terminal, whatever the names in its output."""

import json
import os
import pty
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import click
import httpx2 as httpx
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from headcount.cli import main
from headcount.cli.file_options import progress_bar
from headcount.engine.engine import Engine
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.store.dedup import entry_of
from headcount.store.open import open_store
from headcount.store.records import Origin
from headcount.store.sources import DeadLetter, SourceRow, SourceStat
from headcount.terminal import cell_width, escape_controls, escape_controls_in_lines, fit

NASTY = "\x1b]0;title\x07\x1b[2J\x9b31m\u202eX\u2066\r\nFORGED\u2028\x7f"
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
NOW = time.time_ns() // 1_000_000
NUMBERS = count()
ROOT = Path(__file__).parents[1]


@given(st.text())
def test_escaped_text_has_the_same_content(text):
    shown = escape_controls(text)
    assert not CONTROLS.search(shown)
    assert "\n" not in shown
    assert escape_controls(shown) == shown
    assert escape_controls_in_lines(text).count("\n") == text.count("\n")


NAMES = (
    "Ann",
    "Zoë",
    "Łukasz Ś.",
    "Ольга",
    "Ελένη",
    "山田 太郎",
    "김민수",
    "ﾔﾏﾀﾞ",
    "عمر",
    "אבי",
    "สมชาย",
    "a\u0301",
    "🎉 party",
    "❤️",
    "👩‍💻",
    "a\u200bb",
)


@pytest.mark.parametrize("name", NAMES)
def test_the_width_of_a_name_is_that_of_its_cells(name):
    assert cell_width(name) == cell_len(name)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=30), st.integers(2, 20))
def test_a_fitted_text_has_exactly_its_width_and_is_cut_only_if_it_must(text, width):
    fitted = fit(text, width)
    assert cell_width(fitted) == width
    assert fitted.rstrip() == text.rstrip() if cell_width(text) <= width else "…" in fitted


def test_a_progress_bar_is_erased_at_its_end(capfd, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress_bar(quiet=False) as progress:
        progress(0.25, "reading")
        progress(1.0, "writing")
    shown = capfd.readouterr().err
    assert "reading" in shown
    assert "100%" in shown
    assert shown.endswith("\n\x1b[1A\x1b[2K")


def test_json_stays_json():
    body = json.dumps({"room": NASTY}, ensure_ascii=False)
    assert json.loads(escape_controls(body)) == {"room": NASTY}


class Galene(BaseHTTPRequestHandler):
    """A server that is asked who is in, and has chosen its words."""

    def do_GET(self):
        clients = [{"id": NASTY, "username": NASTY, "up": [{"id": "s1", "tracks": []}]}]
        body = json.dumps([{"name": NASTY, "clients": clients}]).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def galene():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Galene)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def events():
    who = {
        "room": NASTY,
        "participant_id": NASTY,
        "user_id": NASTY,
        "user_name": NASTY,
        "source_session": NASTY,
    }
    rows = [who | {"kind": "join", "at": NOW - 90_000}, who | {"kind": "leave", "at": NOW - 30_000}]
    return rows + [one | {"participant_id": "b"} for one in rows]


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture(scope="module")
def store(tmp_path_factory, galene):
    """A store in which everything that may be called something is called badly, and files like that."""
    folder = tmp_path_factory.mktemp("nasty")
    opened = open_store(str(folder / "store.db"))
    joined = [
        Event(Kind(one["kind"]), NASTY, one["at"], one["participant_id"], NASTY, NASTY) for one in events()
    ]
    opened.log.append([[entry_of(event, "default", NOW - 20_000, Origin.LIVE) for event in joined]])
    engine = Engine(opened, Rules(), opened.projections.take_over())
    while engine.step(NOW):
        pass
    opened.keys.create(NASTY, NASTY, ("read",), NOW, "s" * 32)
    opened.sources.add(SourceRow("t" * 24, "generic", "default", NASTY, (NASTY,), created=NOW))
    opened.sources.add(
        SourceRow("u" * 24, "galene", "default", "asked", ("root:pw",), {"poll": galene}, created=NOW)
    )
    opened.sources.add_stats(
        [
            SourceStat("t" * 24, what, 1, NOW, NASTY)
            for what in ("requests", "rejected", "dead_letters", "polls", "failed_polls")
        ]
    )
    opened.sources.add_dead_letter(
        DeadLetter(0, "t" * 24, NOW, "/", {}, NASTY.replace("\n", "").encode(), NASTY)
    )
    opened.close()
    (folder / "events.ndjson").write_text(lines(events()))
    (folder / "bad.ndjson").write_text(lines([one | {"kind": NASTY} for one in events()]))
    (folder / "log.jsonl").write_text(json.dumps({"room": NASTY, "kind": NASTY}) + "\n")
    (folder / "nasty.toml").write_text(f"log_level = {json.dumps(NASTY)}\n")
    captures = (ROOT / "tests/captures/prosody-0.12.3-event-sync.jsonl").read_text()
    (folder / "capture.jsonl").write_text(captures)
    return folder


def run(store, *arguments):
    given = [str(store / one.removeprefix("@")) if one.startswith("@") else one for one in arguments]
    return CliRunner().invoke(main, given)


ROOM = ("--room", NASTY)
COMMANDS = {
    ("sessionize",): [("@events.ndjson",), ("@bad.ndjson",), ("@bad.ndjson", "--skip-invalid"), ("@no-such-\x1b[31m.ndjson",)],
    ("explain",): [("@events.ndjson", *ROOM)],
    ("timeline",): [("@events.ndjson", *ROOM)],
    ("attendance",): [("@events.ndjson", "--roster", "@no-such-\x1b[31m.csv", *ROOM)],
    ("tour",): [],
    ("import",): [("@bad.ndjson",), ("@events.ndjson",), ("@log.jsonl", "--source", "generic"), ("@log.jsonl", "--source", "generic", "--skip-invalid"), ("@x", "--source", NASTY)],
    ("export",): [("-o", "@out\x1b[31m"), ("-o", "@set\x1b[31m", "--since", "last"), ("-o", "@set\x1b[31m", "--since", NASTY)],
    ("rebuild",): [("--check",)],
    ("migrate",): [("--check",)],
    ("backup",): [("-o", "@back\x1b[31mup")],
    ("restore",): [("@no-such-\x1b[31m",)],
    ("encryption", "generate-key"): [(), ("-o", "@keys\x1b[31m")],
    ("encryption", "rotate"): [(), ("--encryption-key-file", "@no-such-\x1b[31m")],
    ("encryption", "reset"): [()],
    ("doctor",): [(), ("--json",)],
    ("config",): [("--json",), ("--config", "@nasty.toml")],
    ("login-link",): [("--domain", NASTY)],
    ("key", "create"): [("--domain", NASTY, "--name", NASTY)],
    ("key", "list"): [(), ("--json",)],
    ("key", "show"): [(NASTY,)],
    ("key", "revoke"): [(NASTY,)],
    ("source", "create"): [("generic", "--name", NASTY), (NASTY,), ("generic", "--name", "n\x1b[31m", "--domain", NASTY)],
    ("source", "list"): [(), ("--addresses",), ("--json",)],
    ("source", "show"): [("n\x1b[31m", "--domain", NASTY), (NASTY,)],
    ("source", "dead-letters", "list"): [(), ("--json",)],
    ("source", "dead-letters", "show"): [("1",), ("1", "--json")],
    ("source", "dead-letters", "retry"): [()],
    ("source", "rotate-secret"): [(NASTY, "--add", "word"), ("no\x1b[31m", "--add", "word")],
    ("source", "update"): [(NASTY, "--poll", NASTY), (NASTY, "--no-poll")],
    ("source", "poll"): [("asked",), (NASTY,)],
    ("source", "test"): [(NASTY, "--url", "http://127.0.0.1:9/\x1b[31m")],
    ("source", "delete"): [("no\x1b[31m",), (NASTY,)],
    ("privacy", "retention", "set"): [(NASTY, "--names", "30d"), ("a\x1b[31m*", "--meetings", "30d", "--domain", "n\x1b[31m")],
    ("privacy", "retention", "list"): [(), ("--json",)],
    ("privacy", "retention", "show"): [("a\x1b[31mb",), ("a\x1b[31mb", "--json")],
    ("privacy", "retention", "delete"): [("no\x1b[31m",)],
    ("privacy", "retention", "preview"): [(), ("--domain", "n\x1b[31m")],
    ("privacy", "hold", "create"): [("--meeting", "no\x1b[31m", "--reason", "x"), ("--room", "r\x1b[31m", "--reason", "x\x1b[31m")],
    ("privacy", "hold", "list"): [(), ("--json",)],
    ("privacy", "hold", "release"): [("1",), ("99",)],
    ("privacy", "minimal", "on"): [("--domain", "n\x1b[31m")],
    ("privacy", "minimal", "off"): [("--domain", "n\x1b[31m")],
    ("privacy", "minimal", "list"): [(), ("--json",)],
    ("webhook", "create"): [("http://127.0.0.1:9/\x1b[31m", "--no-ping"), ("http://127.0.0.1:9/hook", "--no-ping")],
    ("webhook", "list"): [(), ("--json",)],
    ("webhook", "show"): [("http://127.0.0.1:9/hook",)],
    ("webhook", "update"): [("http://127.0.0.1:9/hook", "--url", "http://127.0.0.1:9/\x1b[31m")],
    ("webhook", "resend"): [("http://127.0.0.1:9/hook", *ROOM), ("http://127.0.0.1:9/hook", "--message", NASTY)],
    ("webhook", "deliveries"): [("http://127.0.0.1:9/hook",), ("http://127.0.0.1:9/hook", "--json")],
    ("webhook", "test"): [("http://127.0.0.1:9/hook",), ("no\x1b[31m",)],
    ("webhook", "rotate-secret"): [("http://127.0.0.1:9/hook", "--remove", NASTY)],
    ("webhook", "delete"): [("http://127.0.0.1:9/hook",)],
    ("privacy", "erase"): [("--user", NASTY, "--dry-run"), ("--user", NASTY, "--yes"), ("--attribute", NASTY, "--yes")],
    ("privacy", "pseudonymize"): [("--participant", NASTY, "--dry-run"), ("--participant", NASTY, "--yes", "--json")],
    ("privacy", "erasures"): [(), ("--json",)],
    ("privacy", "vacuum"): [()],
    ("privacy", "access-log"): [(), ("--json",), ("-o", "@access\x1b[31m.csv"), ("--user", NASTY), ("--action", NASTY)],
    ("privacy", "export"): [("--user", NASTY, "-o", "@person\x1b[31m.zip"), ("--attribute", NASTY, "-o", "@x.zip")],
    ("demo",): [("--remove",)],
    ("completion",): [("bash",), ("zsh",), ("fish",)],
    ("cluster", "status"): [(), ("--json",)],
    ("cluster", "backfill"): [("no\x1b[31m", "--output", "out")],
    ("cluster", "compact"): [("no\x1b[31m",)],
    ("cluster", "repair"): [("--json", "--archive", "archive", "--log", "kafka://127.0.0.1:9/t")],
    ("cluster", "domains"): [("--json",), (f"{NASTY},!no\x1b[31m",)],
}  # fmt: skip
"""All commands that end, in an order in which each has something to print. `tour` prints a capture and a sample."""
SHOWS_NAMES = [
    ("key", "list"), ("source", "list"), ("source", "dead-letters", "list"), ("source", "poll"), ("webhook", "deliveries"),
]  # fmt: skip
SERVERS = {("serve",), ("mcp",), ("webhook", "listen"), ("cluster", "run")}


def commands(group=main, before=()):
    """The paths of all commands."""
    main.load_all()
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))
        else:
            yield (*before, name)


def test_all_commands_are_covered():
    assert set(commands()) == set(COMMANDS) | SERVERS


def test_commands_print_only_through_the_console():
    folder = ROOT / "src/headcount/cli"
    prints = re.compile(r"click\.s?echo\(|\bprint\(|stdout\.write|stderr\.write")
    found = [path.name for path in folder.glob("*.py") if prints.search(path.read_text())]
    assert found == ["console.py"]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_prints_a_control_character(store, command):
    shown = ""
    without = ("sessionize", "attendance", "explain", "timeline", "completion")
    for arguments in COMMANDS[command]:
        where = (
            ()
            if command[0] in without or command[-1] == "generate-key"
            else ("--database", str(store / "store.db"))
        )
        done = run(store, *command, *arguments, *where)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        shown += done.output
    assert not CONTROLS.search(shown), shown
    assert not re.search("^FORGED", shown, re.MULTILINE), shown
    if command in SHOWS_NAMES:
        assert r"\u001b]0;title\u0007" in shown


@pytest.mark.process
def test_output_is_raw_in_a_pipe_and_escaped_on_a_terminal(store):
    command = [sys.executable, "-m", "headcount", "sessionize", "--quiet", "--format"]
    file = str(store / "events.ndjson")
    piped = subprocess.run([*command, "csv", file], check=True, capture_output=True, timeout=60).stdout
    assert NASTY.encode() in piped
    for form in ("csv", "ndjson", "daily"):
        ours, theirs = pty.openpty()
        with subprocess.Popen([*command, form, file], stdout=theirs) as process:
            os.close(theirs)
            body = b""
            while some := read_or_nothing(ours):
                body += some
        os.close(ours)
        assert process.returncode == 0
        assert r"\u001b" in body.decode()
        assert not CONTROLS.search(body.decode().replace("\r\n", "\n"))


def read_or_nothing(ours):
    try:
        return os.read(ours, 65_536)
    except OSError:  # how a terminal says that nobody writes any more
        return b""


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.process
def test_received_webhooks_are_escaped(as_json):
    command = [
        sys.executable,
        "-m",
        "headcount",
        "webhook",
        "listen",
        "--port",
        "0",
        *(["--json"] if as_json else []),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        url = re.search(rb"http://\S+[0-9]", process.stderr.readline())[0].decode()
        for body in (
            json.dumps({"type": NASTY, "id": NASTY, "payload": {"room": NASTY}}).encode(),
            NASTY.encode(),
            b"[" * 30_000,
        ):
            assert httpx.post(url, content=body).status_code == 200
    finally:
        process.terminate()
        shown = process.communicate(timeout=30)[0].decode()
    assert not CONTROLS.search(shown)
    assert not re.search("^ *FORGED", shown, re.MULTILINE)
    assert r"\u001b]0;title\u0007" in shown
