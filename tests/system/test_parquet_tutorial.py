"""The tutorial from a Parquet file to sessions: its commands print what the page shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import ROOT

PAGE = (ROOT / "docs/tutorials/parquet-to-sessions.md").read_text()


@pytest.mark.process
def test_the_commands_of_the_tutorial_print_what_it_shows(tmp_path):
    commands = [block for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if "venv" not in block]
    shown = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert (len(commands), len(shown)) == (7, 3)
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "COLUMNS": "100",
    }
    script = "exec 2>&1\n" + "\n".join(commands)
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    for text in shown:
        assert text in ran.stdout
