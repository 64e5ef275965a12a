"""The frame of all commands: help, examples, suggestions, errors, and which database they use."""

import json
import os
import pty
import re
import shlex
import signal
import stat
import subprocess
import sys
import time

import click
import pytest
from click.testing import CliRunner

from headcount.cli import main
from headcount.cli.group import SECTIONS
from headcount.service.access import Access, access_file, write_access_file
from support import ROOT
from support.reference import CLI, leaf_commands
from support.running_service import new_store

COMMANDS = dict(leaf_commands())
every_command = pytest.mark.parametrize("words", list(COMMANDS), ids=" ".join)


def ask(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


# Help


def test_headcount_alone_prints_its_help_in_sections():
    answer = ask()
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert re.findall(r"^(\w+):$", answer.stdout, re.MULTILINE) == ["Options", *SECTIONS]


@pytest.mark.parametrize("group", [("key",), ("source",), ("webhook",), ("source", "dead-letters")])
def test_a_group_alone_prints_its_help(group):
    answer = ask(*group)
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert "Commands:" in answer.stdout


def test_every_command_is_in_a_section_or_hidden():
    main.load_all()
    listed = {name for names in SECTIONS.values() for name in names}
    assert {name for name, command in main.commands.items() if not command.hidden} == listed


@every_command
def test_the_help_of_a_command_is_not_cut(words):
    answer = ask(*words[1:], "--help")
    assert answer.exit_code == 0
    assert "..." not in answer.stdout.replace("FILE...", "").replace("[ARGS]...", "").replace("data ...", "")


@every_command
def test_the_help_of_a_command_states_limits_in_words_and_requirements_once(words):
    answer = " ".join(ask(*words[1:], "--help").stdout.split())
    assert not re.search(r"[<>]=| RANGE |\[required\] \[required\]", answer)


@every_command
def test_a_command_has_examples_that_parse(words):
    examples = COMMANDS[words].examples
    assert examples
    for example in examples:
        command = re.split(r" > ", re.sub(r"^\w+=\$\((.*)\)$", r"\1", example))[0]
        assert shlex.split(command)[: len(words)] == list(words)
        with COMMANDS[words].make_context(" ".join(words), shlex.split(command)[len(words) :]):
            pass


@every_command
def test_a_command_takes_only_the_settings_that_it_needs(words):
    flags = {name for option in COMMANDS[words].params for name in option.opts}
    if words[1] not in ("serve", "demo"):
        assert "--reads-per-5s" not in flags
    if words[1] in ("doctor", "import", "key", "backup"):
        assert "--port" not in flags


def test_every_command_with_json_output_has_its_fields_documented():
    documented = CLI.read_text().partition("## JSON output")[2]
    for words, command in COMMANDS.items():
        if any("--json" in option.opts for option in command.params) and words[1] not in SECTIONS["Files"]:
            assert f"`{' '.join(words[1:])}`" in documented, words


# Errors


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["srve"], "there is no command 'srve'; did you mean 'serve'? See 'headcount --help'"),
        (["source", "lst"], "there is no command 'lst'; did you mean 'list'? See 'headcount source --help'"),
        (["--verson"], "no such option '--verson'. Did you mean '--version'? See 'headcount --help'"),
        (["key", "create", "--scop", "read"], "no such option '--scop'"),
        (["backup"], "missing option '-o' / '--output'. See 'headcount backup --help'"),
    ],
)
def test_a_wrong_command_line_is_one_line_with_a_hint(words, hint):
    answer = ask(*words)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr.startswith(f"headcount: {hint}")
    assert answer.stderr.count("\n") == 1


# The database


CREATES = {"serve", "demo", "import", "restore"}
WITHOUT_A_DATABASE = {"sessionize", "explain", "timeline", "attendance", "config", "completion"}
WITHOUT_AN_EXISTING_ONE = {
    ("webhook", "listen"),
    ("mcp",),
    ("cluster", "run"),
    ("cluster", "backfill"),
    ("cluster", "compact"),
    ("encryption", "generate-key"),
}
ARGUMENTS = {
    ("source", "create"): ["generic"],
    ("source", "update"): ["n", "--no-poll"],
    ("source", "rotate-secret"): ["n", "--add", "s"],
    ("source", "dead-letters", "show"): ["1"],
    ("webhook", "create"): ["https://example.com"],
    ("webhook", "update"): ["n", "--enable"],
    ("webhook", "resend"): ["n", "--failed"],
    ("privacy", "retention", "set"): ["*", "--names", "30d"],
    ("privacy", "hold", "create"): ["--room", "r", "--reason", "a case"],
    ("privacy", "hold", "release"): ["1"],
    ("backup",): ["-o", "x.backup"],
    ("export",): ["-o", "out"],
    ("privacy", "export"): ["--user", "u", "-o", "u.zip"],
    ("privacy", "erase"): ["--user", "u", "--yes"],
    ("privacy", "pseudonymize"): ["--user", "u", "--yes"],
}


def needing_a_database():
    for words, command in COMMANDS.items():
        if words[1] not in CREATES | WITHOUT_A_DATABASE and words[1:] not in WITHOUT_AN_EXISTING_ONE:
            named = [one for one in command.params if isinstance(one, click.Argument) and one.required]
            yield pytest.param(words[1:], ARGUMENTS.get(words[1:], ["n"] * len(named)), id=" ".join(words))


@pytest.mark.parametrize(("words", "arguments"), list(needing_a_database()))
def test_a_command_creates_no_database_and_says_where_it_looked(words, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = ask(*words, *arguments)
    assert answer.exit_code == 2
    assert f"there is no Headcount database at {tmp_path}/headcount.db (the default" in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_setting_that_chose_a_missing_database_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADCOUNT_DATABASE", str(tmp_path / "a.db"))
    assert "a.db (set by HEADCOUNT_DATABASE)" in ask("key", "list").stderr
    assert "b.db (set by --database)" in ask("key", "list", "--database", tmp_path / "b.db").stderr
    config = tmp_path / "headcount.toml"
    config.write_text(f'database = "{tmp_path}/c.db"')
    monkeypatch.delenv("HEADCOUNT_DATABASE")
    assert f"c.db (set by {config}, database)" in ask("key", "list", "--config", config).stderr


def test_a_command_that_writes_names_its_database_unless_it_is_quiet(tmp_path):
    store = new_store(tmp_path / "h.db")
    answer = ask("key", "create", "--database", store)
    assert f"Database: {store}\n" in answer.stderr
    assert re.fullmatch(r"hc_\S{32}\n", answer.stdout)
    assert ask("key", "create", "--quiet", "--database", store).stderr == ""


def test_a_failed_import_leaves_no_database(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    assert ask("import", "bad.csv").exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


def test_an_import_maps_columns_as_its_error_suggests(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADCOUNT_DATABASE", str(tmp_path / "h.db"))
    events = ROOT / "docs/examples/calls.csv"
    assert "use --map room=room_name" in ask("import", events).stderr
    columns = "room=room_name,participant_id=session,kind=event,at=ts"
    kinds = "kind.join=joined,kind.leave=left|kicked,kind.ignore=muted"
    answer = ask("import", events, "--map", columns, "--map", kinds, "--time-unit", "s")
    assert (answer.exit_code, answer.stdout[:8]) == (0, "Imported"), answer.stderr


def test_an_import_reads_files_of_a_pattern_and_of_a_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADCOUNT_DATABASE", str(tmp_path / "h.db"))
    for number in (1, 2):
        row = f"r;p{number};join;2026-03-02 09:00:00 +0000\n"
        (tmp_path / f"{number}.csv").write_text(f"room;participant_id;kind;at\n{row}")
    assert ask("import", tmp_path / "*.csv").stdout.startswith("Imported 2 events.")
    assert ask("import", tmp_path / "?.csv", tmp_path).stdout.startswith(
        "Imported 0 events. Skipped 4 duplicates"
    )
    missing = ask("import", tmp_path / "none.csv")
    assert "none.csv: cannot be opened: no such file or directory" in missing.stderr


@pytest.mark.parametrize("option", [("--map", "room=conf"), ("--time-unit", "s")])
def test_a_mapping_is_refused_for_the_export_of_a_vendor(option):
    answer = ask("import", "--source", "zoom-report", ROOT / "docs/examples/zoom-report.csv", *option)
    assert "--map and --time-unit are for files of events: remove them, or --source" in answer.stderr


# Hints


@pytest.mark.parametrize("kind", ["zoom", "zom", None])
def test_a_file_of_another_format_suggests_the_format(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("HEADCOUNT_DATABASE", str(tmp_path / "h.db"))
    source = ["--source", kind] if kind else []
    answer = ask("import", *source, ROOT / "docs/examples/zoom-report.csv")
    assert answer.exit_code == 2
    assert "This looks like the format zoom-report: use --source zoom-report" in answer.stderr


@pytest.mark.parametrize("header", ["room,participant_id,kind,at", "sep=;\r\nRoom;Participant_ID;Kind;At"])
def test_a_file_of_events_is_recognized(header, tmp_path, monkeypatch):
    monkeypatch.setenv("HEADCOUNT_DATABASE", str(tmp_path / "h.db"))
    (tmp_path / "e.csv").write_text(f"{header}\r\n")
    answer = ask("import", "--source", "zoom-report", tmp_path / "e.csv")
    assert "This looks like a file of Headcount's events: import it without --source" in answer.stderr


def test_a_missing_backup_is_reported_before_the_database_that_exists(tmp_path):
    answer = ask("restore", "nofile", "--database", new_store(tmp_path / "h.db"))
    assert answer.exit_code == 2
    assert "headcount: nofile: there is no such backup file" in answer.stderr


# JSON


def test_lists_are_json_arrays_of_objects(tmp_path):
    store = new_store(tmp_path / "h.db")
    made = json.loads(ask("key", "create", "--json", "--scope", "read", "--database", store).stdout)
    (listed,) = json.loads(ask("key", "list", "--json", "--database", store).stdout)
    assert made == {**listed, "key": made["key"]}
    assert made["created_at"].endswith("Z")
    assert json.loads(ask("key", "show", made["id"], "--json", "--database", store).stdout) == listed
    assert json.loads(ask("source", "list", "--json", "--database", store).stdout) == []
    assert json.loads(ask("webhook", "list", "--json", "--database", store).stdout) == []


def test_no_json_has_a_secret_for_polling(tmp_path):
    store = new_store(tmp_path / "h.db")
    poll = ("--poll", "https://api.daily.co/v1", "--poll-key", "hidden-key")
    for words in (
        ("create", "daily", "--secret", "aGlkZGVu", *poll),
        ("list", "--addresses"),
        ("show", "daily"),
    ):
        for form in ([], ["--json"]) if words[0] != "create" else (["--json"],):
            answer = ask("source", *words, *form, "--database", store)
            assert answer.exit_code == 0, answer.stderr
            assert "hidden-key" not in answer.output


# Access at the start


def test_the_access_file_is_beside_the_database_and_private(tmp_path):
    file = access_file(str(tmp_path / "h.db"), {})
    assert file == tmp_path / "h.db.access"
    file.write_text("old")
    file.chmod(0o644)
    write_access_file(file, Access("default", "http://x/link", "hc_key"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "hc_key" in file.read_text()
    write_access_file(file, Access("default", "http://x/other"))
    assert "hc_key" not in file.read_text()


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"STATE_DIRECTORY": "/s/headcount", "HOME": "/h"}, "/s/headcount"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/headcount"),
        ({"HOME": "/h"}, "/h/.local/state/headcount"),
    ],
)
def test_for_postgresql_the_access_file_is_in_the_state_directory(variables, folder):
    assert str(access_file("postgresql://db/x", variables)) == f"{folder}/x.access"


@pytest.mark.process
@pytest.mark.parametrize("form", ["console", "json"])
def test_no_secret_is_printed_to_what_is_no_terminal(form, tmp_path):
    command = [sys.executable, "-m", "headcount", "serve", "--port", "0", "--log-format", form]
    with subprocess.Popen(
        [*command, "--database", str(tmp_path / "h.db")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:  # fmt: skip
        lines = []
        for line in process.stdout:
            lines.append(line)
            if ".access" in line:
                break
        process.send_signal(signal.SIGTERM)
        lines += process.stdout.readlines()
    printed, written = "".join(lines), (tmp_path / "h.db.access").read_text()
    secrets = [line.rpartition(" ")[2].rpartition("=")[2] for line in written.splitlines()[2:]]
    assert len(secrets) == 2
    assert not any(secret in printed for secret in secrets)
    assert str(tmp_path / "h.db.access") in printed


@pytest.mark.process
def test_a_terminal_shows_the_key_and_the_link_and_no_file_is_written(tmp_path):
    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "headcount",
        "serve",
        "--port",
        "0",
        "--database",
        str(tmp_path / "h.db"),
    ]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown, until = "", time.monotonic() + 120
        while "sign-in?link=" not in shown and time.monotonic() < until:
            shown += os.read(ours, 65_536).decode()
        process.send_signal(signal.SIGTERM)
    os.close(ours)
    assert re.search(r"hc_\S{32}", shown)
    assert not (tmp_path / "h.db.access").exists()


# Completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_names_the_program(shell):
    answer = ask("completion", shell)
    assert answer.exit_code == 0
    assert "_HEADCOUNT_COMPLETE" in answer.stdout


@pytest.mark.process
def test_a_shell_completes_commands():
    environment = {
        **os.environ,
        "_HEADCOUNT_COMPLETE": "bash_complete",
        "COMP_WORDS": "headcount sou",
        "COMP_CWORD": "1",
    }
    program = "import sys; from headcount.cli import main; main(prog_name='headcount')"
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert answer.stdout.split() == ["plain,source"]
