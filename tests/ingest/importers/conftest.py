import json

import pytest
from click.testing import CliRunner

from headcount.cli import main


class Store:
    """A store in a folder, used by commands as an operator does."""

    def __init__(self, folder):
        self.folder = folder
        self.database = folder / "headcount.db"

    def run(self, *arguments, **options):
        return self.command(*arguments, "--database", self.database, **options)

    def command(self, *arguments, **options):
        """Run a command that needs no database."""
        return CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False, **options)

    def import_export(self, source, *files, **options):
        """Import files of a vendor's export format."""
        return self.run("import", "--source", source, *files, **options)

    def meetings(self):
        """All meetings, each with the name, join, leave and left_by of its participants."""
        self.run("export", "-o", self.folder / "out", "--format", "ndjson")
        people = self.rows("participants")
        return [
            (
                meeting["room"],
                clock(meeting["start"]),
                clock(meeting["end"]),
                [
                    (one["user_name"], clock(one["join"]), clock(one["leave"]), one["left_by"])
                    for one in people
                    if one["meeting_id"] == meeting["id"]
                ],
            )
            for meeting in self.rows("meetings")
        ]

    def rows(self, name):
        return [json.loads(line) for line in (self.folder / "out" / f"{name}.ndjson").open()]

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


def clock(moment):
    return moment and moment[11:19]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)
