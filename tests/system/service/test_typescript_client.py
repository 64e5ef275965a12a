"""The TypeScript client: its types are those of the current document, and a program that uses it works with a real server."""

import json
import os
import re
import shutil
from importlib.metadata import version

from support import ROOT, TESTS
from support.generated_clients import NODE
from support.running_service import Running
from support.typescript_client import CLIENT, GENERATED, compile_client, copy_of_client, generate, node
from support.waiting import wait_until
from support.webhook_receivers import receiving

PAGE = ROOT / "docs/reference/typescript-client.md"
ROOMS = ["black", "blue/1 ä?", "green", "hook", "red", "white"]

INVALID = "No signature is valid: compare the secret with the `hmac` of the endpoint."
EXPECTED = {
    "requests": 2,
    "one event": 0,  # it was stored by the request that was answered with 429
    "meetings": ROOMS,
    "customer": "acme",
    "rooms": ROOMS,
    "filtered": 1,
    "explained": ["joined", "joined", "left", "left"],
    "presence": 2,
    "by path": "blue/1 ä?",
    "error": [404, "not-found", "No meeting has the id none"],
    "requests for the error": 1,
    "given up": 503,
    "not repeated": 503,
    "timeout": "TimeoutError",
    "aborted": "no longer needed",
    "streamed": [10, 10, 5, 5],
    "connections": 4,
    "refused stream": "authentication-error",
    "both secrets": True,
    "changed body": INVALID,
    "other secret": INVALID,
    "late": "The timestamp is too far from the clock of this machine: compare both clocks.",
    "unsigned": "The header webhook-signature is missing.",
}


def test_the_committed_types_are_those_of_the_current_document(tmp_path):
    client = copy_of_client(tmp_path)
    generate(client)
    for name in GENERATED:
        assert (client / "src" / name).read_bytes() == (CLIENT / "src" / name).read_bytes(), (
            "run 'make typescript'"
        )


def test_the_package_has_the_version_of_the_product_and_the_libraries_of_the_tests():
    manifest = json.loads((CLIENT / "package.json").read_text())
    installed = json.loads((NODE / "package.json").read_text())["dependencies"]
    assert manifest["version"] == version("headcount")
    assert manifest["devDependencies"].items() <= installed.items()
    for name, wanted in manifest["dependencies"].items():
        assert (
            installed[name].rpartition(".")[0] in wanted
            or installed[name].split(".")[0] == wanted[1:].split(".")[0]
        )


def test_a_program_uses_the_client_with_a_real_server(tmp_path):
    client = copy_of_client(tmp_path)
    shutil.copy(TESTS / "node/typescript_client.ts", client / "src/usage.ts")
    example, *_ = re.findall(r"```ts\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (client / "src/example.ts").write_text(example.replace("headcount-client", "./index.js"))
    compile_client(client)
    built = client / "dist/example.js"
    folder = tmp_path / "service"
    folder.mkdir()
    service = Running(
        folder, events_per_5s=0, late_grace_s=1, min_stay_s=0, webhook_allowed_networks="127.0.0.0/8"
    ).start()  # fmt: skip
    try:
        with receiving() as receiver, service.client() as api:
            made = api.post("/webhooks", json={"url": receiver.url, "eventTypes": ["meeting.started"]}).json()
            for who in ("a", "b"):
                event = {"room": "hook", "kind": "join", "participant_id": who}
                assert api.post("/events", json=event).status_code == 200
            (request, *_) = receiver.wait_for(1)
            webhook = {"headers": request.headers, "body": request.body.decode(), "secret": made["hmac"]}
            wait_until(lambda: api.post("/events?wait=true", json={"room": "hook", "kind": "end"}).is_success)
            environment = os.environ | {
                "BASE_URL": service.url,
                "API_KEY": service.key,
                "WEBHOOK": json.dumps(webhook),
            }
            results = json.loads(node(client, "dist/usage.js", env=environment))
            address = built.read_text().replace("http://127.0.0.1:8080", service.url)
            built.write_text(address.replace("hc_...", service.key))
            shown = node(client, "dist/example.js")
    finally:
        service.stop()
    assert shown == "1772442000 3600 2\n"
    assert results.pop("stored twice")["duplicates"] == 4 * (len(ROOMS) - 1)
    assert results == EXPECTED | {"webhook": ["meeting.started", request.payload["payload"]]}
