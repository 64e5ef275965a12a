"""docs/consumers.md is true: its code takes what is genuine, refuses what is not, and hears the stream of a real service."""

import base64
import hashlib
import hmac
import json
import re
import shutil
import subprocess
from contextlib import closing
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from support import ROOT
from support.stream_client import Ear, Outbox

PAGE = (ROOT / "docs/consumers.md").read_text()
BLOCKS = re.findall(r"```(py|js)\n(.*?)```", PAGE, re.DOTALL)
RECEIVING = [(kind, code) for kind, code in BLOCKS if "receive(" in code]
LISTENING = [(kind, code) for kind, code in BLOCKS if "listen(" in code]
SECRET = base64.b64encode(bytes(range(32))).decode()
BODY = '{"version":"1.0.0","type":"x","id":"1","payload":{"room":"\u2028 שלום 👩\u200d🚀 \\u0000","start_ts":1767225600.5}}'
PATIENCE_S = 60


def signed(body):
    now = datetime.now(UTC)
    moment = str(round(now.timestamp() * 1_000))
    content = f"{moment}.{body}".encode()
    daily = base64.b64encode(hmac.digest(base64.b64decode(SECRET), content, hashlib.sha256)).decode()
    return {
        "webhook-id": "1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": Webhook(SECRET).sign("1", now, body),
        "x-webhook-timestamp": moment, "x-webhook-signature": daily,
    }  # fmt: skip


def node():
    found = shutil.which("node")
    return found or pytest.skip("Node.js is needed: tests/install_node.sh")


def run_node(code, tmp_path, **given):
    """What a script prints, given `GIVEN`."""
    script = tmp_path / "consumer.mjs"
    script.write_text(f"const GIVEN = {json.dumps(given)};\nconst SECRET = {json.dumps(SECRET)};\n{code}")
    ran = subprocess.run([node(), script], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.split("\n") if line]


def received(kind, code, headers, body, tmp_path):
    """What the code of the page makes of a delivery; None if it refuses it."""
    if kind == "js":
        shown = "JSON.parse(GIVEN.body)" if "headers, event" in code else "Buffer.from(GIVEN.body)"
        tried = f"try {{ console.log(JSON.stringify(receive(GIVEN.headers, {shown}))) }} catch (e) {{ console.log('null') }}"
        return run_node(f"{code}\n{tried}", tmp_path, headers=headers, body=body)[0]
    names = {"SECRET": SECRET}
    exec(compile(code, "consumers", "exec"), names)
    try:
        return names["receive"](headers, body.encode())
    except (ValueError, WebhookVerificationError):
        return None


@pytest.mark.parametrize(("kind", "code"), RECEIVING)
def test_the_code_takes_what_is_genuine_and_refuses_what_is_not(kind, code, tmp_path):
    headers = signed(BODY)
    assert received(kind, code, headers, BODY, tmp_path) == json.loads(BODY)
    assert received(kind, code, headers, BODY.replace("600.5", "600.6"), tmp_path) is None
    assert received(kind, code, signed("{}"), BODY, tmp_path) is None


@pytest.mark.parametrize(("kind", "code"), LISTENING, ids=["EventSource", "fetch", "httpx"])
def test_the_code_hears_the_stream_and_goes_on_where_it_was(service, kind, code, tmp_path):
    with closing(Outbox(service.database)) as outbox, closing(Ear(service)) as ear:
        last = ear.last
        told = outbox.tell("a\u2028b", "c\u0085d", "e")
        if kind == "py":
            heard = by_python(code, service, last)
        elif "EventSource" in code:
            heard = by_event_source(code, service, outbox, tmp_path)
            told = outbox.told_last
        else:
            heard = by_fetch(code, service, last, tmp_path)
        assert heard == told


def by_python(code, service, last):
    names = {}
    exec(compile(code, "consumers", "exec"), names)
    events = names["listen"](service.url, service.key, last)
    (place, first), (_, second) = next(events), next(events)
    events.close()
    again = names["listen"](service.url, service.key, place)
    assert next(again)[1] == second
    third = next(again)[1]
    again.close()
    return [first["id"], second["id"], third["id"]]


def by_fetch(code, service, last, tmp_path):
    told = """
      const heard = [];
      let last = GIVEN.last;
      while (heard.length < 3) {
        for await (const { last: place, event } of listen(GIVEN.url, GIVEN.key, last)) {
          heard.push(event.id); last = place; break;
        }
      }
      for (const one of heard) console.log(JSON.stringify(one));
    """
    return run_node(code + told, tmp_path, url=service.url, key=service.key, last=last)


def by_event_source(code, service, outbox, tmp_path):
    told = """
      let heard = 0;
      const events = listen(GIVEN.url, GIVEN.key, (event) => {
        console.log(JSON.stringify(event.id));
        if (++heard === 3) events.close();
      });
      events.onopen = () => console.error("open");
    """
    script = ROOT / "tests/node/node_modules/eventsource"
    if not script.exists():
        pytest.skip("the library for Node.js is not installed: tests/install_node.sh installs it")
    file = tmp_path / "consumer.mjs"
    head = f'import {{ createRequire }} from "node:module";\nconst {{ EventSource }} = createRequire({json.dumps(str(script))})("eventsource");\n'
    given = json.dumps({"url": service.url, "key": service.key})
    file.write_text(f"{head}const GIVEN = {given};\n{code}{told}")
    with subprocess.Popen(
        [node(), file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr.readline() == "open\n"
        outbox.told_last = outbox.tell("a\u2028b", "c", "e")
        out, _ = process.communicate(timeout=PATIENCE_S)
    return [json.loads(line) for line in out.splitlines()]
