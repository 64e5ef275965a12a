"""Schemathesis asks the real service whatever its document allows, and more: it finds nothing."""

import subprocess
import sys
from pathlib import Path

EXCLUDED = (
    "positive_data_acceptance",  # an unknown cursor, or a time of tomorrow, is refused, which no schema can say
    "ignored_auth",  # without a key it is 400, as Daily has it, and not 401
    "missing_required_header",  # the same
)


def test_nothing_is_answered_that_the_document_does_not_say(service):
    with service.client() as client:
        joins = [{"room": "blue", "kind": "join", "participant_id": who, "at": 1_772_442_000} for who in "ab"]
        client.post("/events", json=joins, params={"wait": "true"})
    command = [Path(sys.executable).with_name("schemathesis"), "run", f"{service.url}/openapi.json"]
    asked = subprocess.run(
        [*command, "--exclude-path", "/stream", "-H", f"Authorization: Bearer {service.key}", "--max-examples", "25", "--seed", "1",
         "--exclude-checks", ",".join(EXCLUDED), "--no-color"],
        capture_output=True, text=True, timeout=240, check=False, cwd=service.folder,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stdout[-6_000:]
    assert "Tested: 25" in asked.stdout
