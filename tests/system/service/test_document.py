"""Schemathesis sends the real service whatever its document allows, and more: it finds nothing."""

import json
import subprocess
import sys
from pathlib import Path

import httpx

from support.openapi import with_accepted_spellings

EXCLUDED = (
    "positive_data_acceptance",  # an unknown cursor, or a time of tomorrow, is refused, which no schema can say
    "ignored_auth",  # without a key it is 400, as Daily has it, and not 401
    "missing_required_header",  # the same
)


def test_every_answer_is_as_the_document_describes(service, tmp_path):
    with service.client() as client:
        joins = [{"room": "blue", "kind": "join", "participant_id": who, "at": 1_772_442_000} for who in "ab"]
        client.post("/events", json=joins, params={"wait": "true"})
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(with_accepted_spellings(httpx.get(f"{service.url}/openapi.json").json())))
    command = [Path(sys.executable).with_name("schemathesis"), "run", document, "--url", f"{service.url}/v1"]
    run = subprocess.run(
        [*command, "--exclude-path", "/stream", "-H", f"Authorization: Bearer {service.key}", "--max-examples", "25", "--seed", "1",
         "--exclude-checks", ",".join(EXCLUDED), "--no-color"],
        capture_output=True, text=True, timeout=800, check=False, cwd=service.folder,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-6_000:]
    assert "Tested: 45" in run.stdout
