"""Log lines show control characters as text."""

import re
import subprocess
import sys

import pytest

NASTY = "\x1b]0;title\x07\x1b[2J\x9b31m\u202eX\u2066\r\nFORGED\u2028\x7f"
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.process
def test_control_characters_are_logged_as_text(form):
    script = (
        "import logging, structlog; from headcount.telemetry.logging import set_up_logging\n"
        f"set_up_logging('info', {form!r}); nasty = {NASTY!r}; log = structlog.get_logger('x')\n"
        "log.warning('a thing ' + nasty, reason=nasty, more=[nasty])\n"
        "try:\n    raise ValueError(nasty)\n"
        "except ValueError:\n    log.exception('it failed'); logging.getLogger('y').exception(nasty)\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    ).stderr
    assert not CONTROLS.search(shown), shown
    assert shown.count("u001b]0;title") >= 3
