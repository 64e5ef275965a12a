"""The docs are true: examples and commands run, links lead somewhere, columns and options are in them."""

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import click
import msgspec
import pyarrow as pa
import pytest

from headcount import Event, Kind, meeting_id
from headcount.batch.arrow_tables import MEETINGS, PARTICIPANTS, STAYS
from headcount.batch.io.event_columns import COLUMNS, REQUIRED
from headcount.cli import main
from headcount.http.schemas import Meetings
from headcount.ingest.declared_sources import DECLARED_KEYS, declared_sources, sync_declared_sources
from headcount.kernel.attributes import canonical
from headcount.kernel.replay import meetings_of
from headcount.service.runtime import new_token
from headcount.settings import read_settings
from headcount.store.open import open_store
from support.running_service import COMPILED, headcount

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FILES = (ROOT / "docs/reference/files.md").read_text()
SETTINGS = (ROOT / "docs/reference/settings.md").read_text()
STAY = re.compile(r"([A-Z]) (\d+)–(\d+)")
OF_A_MACHINE = re.compile(
    r"(?<![\w.:])/(?:work|home|root|tmp|usr|opt|var|mnt|Users)/(?!(?:lib/(?:private/|systemd/system/)?|(?:local/)?bin/|backups/)?headcount|lib/private`|bigbluebutton)|\.\./shared|localhost(?!/headcount:)"
)


def name_of(page):
    return str(page.relative_to(ROOT))


# The rules.


def worked_examples():
    text = (ROOT / "docs/reference/rules.md").read_text()
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


def test_every_rule_is_on_the_page_once():
    numbers = re.findall(r"^\*\*(R\d+a?)\.\*\*", (ROOT / "docs/reference/rules.md").read_text(), re.MULTILINE)
    assert numbers == ["R1", "R2", "R3", "R3a", *(f"R{number}" for number in range(4, 17))]


# The sources.


SOURCE_PAGES = [page for page in PAGES if page.parent.name == "sources" and page.name != "README.md"]
SECTIONS = (
    "What you need", "Set up", "Check", "Field mapping", "Event mapping", "Accuracy", "Polling", "Import history",
    "Troubleshooting", "Vendor documentation",
)  # fmt: skip


@pytest.mark.parametrize("page", SOURCE_PAGES, ids=name_of)
def test_the_page_of_a_source_has_all_sections_in_order(page):
    titles = re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)
    assert titles == [title for title in SECTIONS if title != "Polling" or title in titles]


@pytest.mark.parametrize("page", SOURCE_PAGES, ids=name_of)
def test_the_page_of_a_source_maps_each_field_of_an_event(page):
    (section,) = re.findall(r"^## Field mapping\n(.*?)^## ", page.read_text(), re.DOTALL | re.MULTILINE)
    mapped = re.findall(r"^\|.*\| (.+?) \|$", section, re.MULTILINE)
    for field in ("room", "source session", "participant", "user ID", "user name", "time"):
        assert [cell for cell in mapped if field in cell], field


# What runs.


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
    """Each command with what it prints, and with its exit code: 0, unless the page asks for it."""
    for page in PAGES:
        for block in re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL):
            said = re.findall(r"^\$ (.*?)\n(.*?)(?=^\$ |\Z)", block, re.DOTALL | re.MULTILINE)
            for (command, output), (after, code) in zip(said, [*said[1:], ("", "")], strict=True):
                if command != "echo $?":
                    expected = int(code) if after == "echo $?" else 0
                    yield pytest.param(command, output, expected, id=f"{name_of(page)}: {command}")


@pytest.mark.parametrize(("command", "output", "code"), list(console_examples()))
@pytest.mark.process
def test_a_command_of_a_page_prints_what_the_page_says(command, output, code, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    name, *arguments = shlex.split(command)
    assert name == "headcount"
    environment = {"COLUMNS": "100", "HEADCOUNT_DATABASE": str(tmp_path / "headcount.db")}
    ran = headcount(*arguments, check=False, environment=environment, server=COMPILED)
    printed = (ran.stdout + ran.stderr).replace(str(tmp_path), "/srv")
    assert plain(printed) == plain(output)
    assert ran.returncode == code


@pytest.mark.process
def test_skipped_rows_are_shown_as_the_page_says(monkeypatch):
    monkeypatch.chdir(ROOT)
    (shown,) = re.findall(r"```text\n(Invalid rows\n.*?)```", FILES, re.DOTALL)
    ran = headcount("sessionize", "docs/examples/broken.csv", "--skip-invalid", server=COMPILED)
    assert ran.stderr.endswith(shown)


def plain(text):
    """Without the blanks at the ends of lines, which editors take away."""
    return [line.rstrip() for line in text.strip().splitlines()]


# What is complete.


def tables_of_columns():
    """The rows of each table in files.md that is about columns: name in code, then the second cell."""
    for table in re.findall(r"^\| column \|.*\n\|[-|]+\n((?:\|.*\n)+)", FILES, re.MULTILINE):
        yield re.findall(r"^\| `(\w+)` \| (.*?) ?\|", table, re.MULTILINE)


def spelled(kind):
    if pa.types.is_dictionary(kind):
        return spelled(kind.value_type)
    return str(kind).replace("tz=", "")


def test_every_column_that_is_read_is_documented():
    columns, *_ = tables_of_columns()
    assert {name for name, _ in columns} == {*COLUMNS, "id"}
    assert {name for name, required in columns if required} == set(REQUIRED)


@pytest.mark.parametrize(("position", "schema"), [(1, MEETINGS), (2, PARTICIPANTS), (3, STAYS)])
def test_every_column_that_is_written_is_documented_with_its_type(position, schema):
    documented = list(tables_of_columns())[position]
    assert documented == [(field.name, spelled(field.type)) for field in schema]


def test_every_option_of_sessionize_that_is_documented_is_there():
    table = re.search(r"^\| option \|.*\n\|[-|]+\n((?:\|.*\n)+)", FILES, re.MULTILINE)
    documented = re.findall(r"^\| `(--[a-z-]+)` \|", table[1], re.MULTILINE)
    own = [option for option in main.get_command(None, "sessionize").params if type(option) is click.Option]
    options = [name for option in own for name in option.opts if name.startswith("--")]
    assert sorted(documented) == sorted(options)


def settings_files():
    """Each TOML block that is a settings file: not a package's, and not a mapping of columns."""
    for page in PAGES:
        for number, text in enumerate(re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)):
            if not {"project", "columns"} & tomllib.loads(text).keys():
                yield pytest.param(text, id=f"{name_of(page)}-{number}")


@pytest.mark.parametrize("text", list(settings_files()))
def test_headcount_accepts_every_settings_file_of_a_page(text, tmp_path):
    file = tmp_path / "headcount.toml"
    file.write_text(text)
    settings = read_settings({}, {}, str(file))
    with closing(open_store(str(tmp_path / "headcount.db"))) as store:
        sync_declared_sources(store.sources, declared_sources(settings), new_token, now=0)
        assert len(store.sources.all()) == len(settings.sources)


def test_every_key_of_a_declared_source_is_documented_and_no_other():
    (section,) = re.findall(r"^### Sources\n(.*?)^## ", SETTINGS, re.DOTALL | re.MULTILINE)
    cells = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    documented = [key for cell in cells for key in re.findall(r"`(\w+)`", cell)]
    assert sorted(documented) == sorted(DECLARED_KEYS)


def answers_with_meetings():
    """Each JSON block that is an answer of `GET /v1/meetings`."""
    for page in PAGES:
        for number, text in enumerate(re.findall(r"```json\n(.*?)```", page.read_text(), re.DOTALL)):
            if '"total_count"' in text and '"participants"' in text:
                yield pytest.param(text, id=f"{name_of(page)}-{number}")


@pytest.mark.parametrize("text", list(answers_with_meetings()))
def test_a_list_of_meetings_on_a_page_is_complete_and_consistent(text):
    for meeting in msgspec.json.decode(text, type=Meetings).data:
        people = meeting.participants
        assert meeting.start_time == min(one.join_time for one in people)
        assert meeting.start_time + meeting.duration == max(one.join_time + one.duration for one in people)
        assert meeting.id == meeting_id("default", meeting.room, meeting.start_time * 1000)


METRICS = (ROOT / "docs/reference/metrics.md").read_text()
"""The reference is compared with a running server in tests/system/service/test_documented.py."""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_metric_that_a_page_names_exists(page):
    for name, labels in re.findall(r"\b(headcount_[a-z_]+)\b(?:\{(.*?)\})?", page.read_text()):
        row = re.search(rf"^\| `{name.removesuffix('_bucket')}` \|.*", METRICS, re.MULTILINE)
        assert row, name
        for label, value in re.findall(r'(\w+)="(\w+)"', labels):
            assert f"`{label}`" in row[0], name
            assert f"`{value}`" in row[0], name


SHELL_COMMAND = re.compile(
    r"(?:^|[|(&] ?)(?:sudo -u headcount )?(?:\.venv/bin/|/opt/headcount/bin/)?headcount ((?:'[^'\n]*'|\"[^\"\n]*\"|[^|)#\n&'\"])*)"
)


def shell_commands():
    """Each `headcount` command in the shell blocks of a page."""
    for page in PAGES:
        for block in re.findall(r"^ *```sh\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE):
            for line in block.replace("\\\n", " ").splitlines():
                for words in SHELL_COMMAND.findall(line.strip()):
                    yield pytest.param(words, id=f"{name_of(page)}: {words.strip()}")


@pytest.mark.parametrize("words", list(shell_commands()))
def test_a_command_of_a_page_has_the_options_that_it_is_shown_with(words):
    """It is parsed and not run: it may need a server, files or secrets."""
    name, command, arguments, context = "headcount", main, shlex.split(words), None
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        context = click.Context(command, info_name=name, parent=context)
        name, command, arguments = command.resolve_command(context, arguments)
    with contextlib.suppress(click.exceptions.Exit), contextlib.redirect_stdout(io.StringIO()):
        command.make_context(name, arguments, parent=context)


# What hangs together.


def headings(page):
    for title in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_of_a_page_leads_somewhere(page):
    for target, heading in re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]+))?\)", page.read_text()):
        there = page.parent / target if target else page
        assert there.exists(), target
        assert not heading or heading in headings(there), heading


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_names_no_place_of_the_machine_on_which_it_was_written(page):
    assert OF_A_MACHINE.findall(page.read_text()) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_link_to_a_decision_names_its_number(page):
    links = re.findall(r"\[(?:decision|ADR) (\d+)\]\((?:\S*/)?(\d{4})-", page.read_text())
    assert [int(number) for number, _ in links] == [int(file) for _, file in links]


def test_the_index_of_decisions_lists_every_decision_by_its_title():
    index = (ROOT / "docs/adr/README.md").read_text()
    listed = dict(re.findall(r"^- \[\d+\. .+?\]\(((\d{4})-[a-z0-9-]+\.md)\)$", index, re.MULTILINE))
    assert sorted(listed) == sorted(page.name for page in (ROOT / "docs/adr").glob("0*.md"))


def test_every_decision_is_on_one_page_and_numbered():
    numbers = [page.name[:4] for page in sorted((ROOT / "docs/adr").glob("0*.md"))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    assert numbers


# Attributes.


def merging_example():
    """The times, kinds and attributes of the events of the example, and the attributes of the stay after each."""
    page = (ROOT / "docs/reference/attributes.md").read_text()
    rows = re.findall(
        r"^\| (\d\d):(\d\d) \| (join|leave)[a-z ]* \| `(.+?)` \| `(.+?)` \|$", page, re.MULTILINE
    )
    for hours, minutes, kind, sent, merged in rows:
        yield int(hours) * 60 + int(minutes), kind, json.loads(sent), json.loads(merged)


def test_the_attributes_of_a_stay_are_merged_as_the_page_shows():
    example = list(merging_example())
    assert [kind for _, kind, _, _ in example] == ["join", "join", "leave"]
    for number, (minute, _, _, merged) in enumerate(example, 1):
        events = [
            Event(Kind(kind), "room", at * 60_000, "c-1", attributes=canonical(sent))
            for at, kind, sent, _ in example[:number]
        ]
        (meeting,) = meetings_of(events, as_of=minute * 60_000 + 60_000)
        assert [entry.attributes for entry in meeting.participants] == [canonical(merged)]


def test_the_page_for_data_protection_officers_has_every_table_of_the_database():
    schema = (ROOT / "src/headcount/store/sql/migrations/0001-schema.sql").read_text()
    page = (ROOT / "docs/explanation/data-protection.md").read_text()
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", page, re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert described == set(re.findall(r"^create table (\w+)", schema, re.MULTILINE))


# What language models read.


@pytest.mark.process
def test_the_site_has_every_page_as_markdown_in_an_index_and_in_one_file(tmp_path):
    """llms.txt lists each page once with its title, and links of both files lead to files of the site."""
    site = tmp_path / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(site)]
    subprocess.run(command, cwd=ROOT, env={"NO_MKDOCS_2_WARNING": "1"}, check=True, timeout=120)
    index, full = ((site / name).read_text() for name in ("llms.txt", "llms-full.txt"))
    assert re.match(r"# Headcount\n\n> .+\n\n", index)
    listed = re.findall(r"^- \[(.+)\]\((.+?\.md)\)(?:: .+)?$", index, re.MULTILINE)
    pages = sorted(str(path.relative_to(site)) for path in site.rglob("*.md"))
    assert sorted(path for _, path in listed) == pages
    assert len(pages) == len([page for page in site.rglob("*.html") if page.name != "404.html"])
    for title, path in listed:
        assert (site / path).read_text().lstrip().startswith(f"# {title}\n")
    assert sorted(re.findall(r"^<!-- (\S+\.md) -->$", full, re.MULTILINE)) == pages
    assert index.rindex("## Optional") > index.index("(reference/rules.md)")
    for text in (index, full):
        for target in re.findall(r"(?<!!)\[[^\]\n]*\]\((?!\w+:|#)([^)#\s]+)", without_code(text)):
            assert (site / target).is_file(), target


def without_code(text):
    return re.sub(r"^ *```.*?^ *```|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)
