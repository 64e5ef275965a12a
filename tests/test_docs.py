"""The docs are true: their examples run, their links lead somewhere, and every option is in them."""

import contextlib
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from headcount import Event, Kind
from headcount.cli import main
from headcount.kernel.history import meetings_of

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
STAY = re.compile(r"([A-Z]) (\d+)–(\d+)")  # noqa: RUF001 - ranges are written with a dash
MEETING = re.compile(r"\[(\d+),(\d+)\) (\d+): (.+)")


def name_of(page):
    return str(page.relative_to(ROOT))


def worked_examples():
    text = (ROOT / "docs/rules.md").read_text()
    return re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|$", text, re.MULTILINE)


def events_of(stays):
    for who, join, leave in STAY.findall(stays):
        yield Event(Kind.JOIN, "room", int(join) * 1000, who)
        yield Event(Kind.LEAVE, "room", int(leave) * 1000, who)


def told(meeting):
    entries = ", ".join(
        f"{entry.participant_id} {entry.join // 1000}+{(entry.leave - entry.join) // 1000}"
        for entry in meeting.participants
    )
    return f"[{meeting.start // 1000},{meeting.end // 1000}) {meeting.max_participants}: {entries}"


@pytest.mark.parametrize(("number", "stays", "expected"), worked_examples())
def test_a_worked_example_comes_out_as_the_page_says(number, stays, expected):
    meetings = meetings_of(events_of(stays), as_of=10**9)
    assert (" · ".join(map(told, meetings)) or "none") == expected


def test_there_are_thirteen_worked_examples():
    assert [number for number, _, _ in worked_examples()] == [str(number) for number in range(1, 14)]


def code_with_output():
    pattern = re.compile(r"```python\n(.*?)```(?:\s+prints\s+```text\n(.*?)```)?", re.DOTALL)
    for page in PAGES:
        for number, (code, output) in enumerate(pattern.findall(page.read_text())):
            yield pytest.param(code, output, id=f"{name_of(page)}-{number}")


@pytest.mark.parametrize(("code", "output"), list(code_with_output()))
def test_the_code_of_a_page_prints_what_the_page_says(code, output, monkeypatch):
    monkeypatch.chdir(ROOT)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "docs", "exec"), {})
    assert printed.getvalue() == output


def console_examples():
    for page in PAGES:
        for block in re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL):
            for command, output in re.findall(
                r"^\$ (headcount .*?)\n(.*?)(?=^\$ |\Z)", block, re.DOTALL | re.MULTILINE
            ):
                yield pytest.param(command, output, id=f"{name_of(page)}: {command}")


@pytest.mark.parametrize(("command", "output"), list(console_examples()))
def test_a_command_of_a_page_prints_what_the_page_says(command, output):
    arguments = shlex.split(command)[1:]
    ran = subprocess.run(
        [sys.executable, "-m", "headcount", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=True, env={"COLUMNS": "100", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert plain(ran.stdout + ran.stderr) == plain(output)


def plain(text):
    """Without the blanks at the ends of lines, which editors take away."""
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_of_a_page_leads_somewhere(page):
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("command", ["sessionize", "explain", "timeline"])
def test_every_option_is_documented(command):
    text = (ROOT / "docs/files.md").read_text()
    options = [
        name for option in main.commands[command].params for name in option.opts if name.startswith("--")
    ]
    assert [name for name in options if f"`{name}" not in text and name not in text] == []


def test_every_decision_is_on_one_page_and_numbered():
    numbers = [page.name[:4] for page in sorted((ROOT / "docs/adr").glob("*.md"))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    assert numbers
