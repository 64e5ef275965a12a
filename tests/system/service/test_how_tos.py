"""The how-tos about attributes, typed as they are written: each answer is the one on the page."""

import json
import os
import re
import subprocess

import pytest

from support import ROOT
from support.running_service import Running

PAGES = ("minutes-together.md", "host-and-guest-no-show.md", "usage-per-customer.md")
VARYING = ("position", "complete_until", "held_back_by")
"""Of this store and this moment."""
BLOCK = re.compile(r'^```(\w+)(?: title="([\w.]+)")?\n(.*?)^```', re.DOTALL | re.MULTILINE)
PATIENCE_S = 120


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("how-tos"))
    running.start()
    yield running
    running.stop()


def typed(service, folder, command):
    """Run a command with the address and a key of the service, and return what it prints."""
    ran = subprocess.run(
        ["bash", "-e", "-c", command],
        cwd=folder,
        env={**os.environ, "URL": service.url, "KEY": service.key},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_how_to_print_what_the_page_shows(service, tmp_path, page):
    setup, *blocks = BLOCK.findall((ROOT / "docs/how-to" / page).read_text())
    assert "export URL=" in setup[2]
    printed = None
    for language, name, text in blocks:
        if language == "sh":
            printed = typed(service, tmp_path, text)
        elif name:
            (tmp_path / name).write_text(text)
        elif language == "json":
            answer, shown = json.loads(printed), json.loads(text)
            answer |= {name: shown[name] for name in VARYING if name in answer and name in shown}
            assert answer == shown
        else:
            assert printed == text
    assert printed is not None
