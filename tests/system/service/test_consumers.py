"""The code of docs/how-to/receive-webhooks.md accepts genuine requests, refuses others, and reads the stream of a real service."""

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import httpx2 as httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from support import ROOT
from support.servers import free_port, is_open
from support.stream_client import Outbox, StreamReader
from support.waiting import wait_until

PAGE = (ROOT / "docs/how-to/receive-webhooks.md").read_text()
BLOCKS = re.findall(r"```(py|js)\n(.*?)```", PAGE, re.DOTALL)
RECEIVERS = [(kind, code) for kind, code in BLOCKS if "receive(" in code]
LISTENERS = [(kind, code) for kind, code in BLOCKS if "listen(" in code]
SECRET = base64.b64encode(bytes(range(32))).decode()
BODY = '{"version":"1.0.0","type":"x","id":"1","payload":{"room":"\u2028 שלום 👩\u200d🚀 \\u0000","start_ts":1767225600.5}}'
PROGRAMS = re.findall(r'```\w+ title="(receiver\.\w+)"\n(.*?)```', PAGE, re.DOTALL)
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
    """Return what a script prints, one JSON value a line."""
    script = tmp_path / "consumer.mjs"
    script.write_text(f"const GIVEN = {json.dumps(given)};\nconst SECRET = {json.dumps(SECRET)};\n{code}")
    ran = subprocess.run([node(), script], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.split("\n") if line]


def received(kind, code, headers, body, tmp_path):
    """Return the event that the code of the page reads from a request, or None if it refuses it."""
    if kind == "js":
        given = "JSON.parse(GIVEN.body)" if "headers, message" in code else "Buffer.from(GIVEN.body)"
        call = f"try {{ console.log(JSON.stringify(receive(GIVEN.headers, {given}))) }} catch (e) {{ console.log('null') }}"
        return run_node(f"{code}\n{call}", tmp_path, headers=headers, body=body)[0]
    names = {"SECRET": SECRET}
    exec(compile(code, "consumers", "exec"), names)
    try:
        return names["receive"](headers, body.encode())
    except (ValueError, WebhookVerificationError):
        return None


@pytest.mark.parametrize(("kind", "code"), RECEIVERS)
def test_the_code_accepts_genuine_requests_and_refuses_others(kind, code, tmp_path):
    headers = signed(BODY)
    assert received(kind, code, headers, BODY, tmp_path) == json.loads(BODY)
    assert received(kind, code, headers, BODY.replace("600.5", "600.6"), tmp_path) is None
    assert received(kind, code, signed("{}"), BODY, tmp_path) is None


@pytest.mark.parametrize(("name", "code"), PROGRAMS, ids=[name for name, _ in PROGRAMS])
def test_a_complete_receiver_processes_each_message_once(name, code, tmp_path):
    port = free_port()
    program = tmp_path / name
    program.write_text(code)
    command = [sys.executable if name.endswith(".py") else node(), program]
    environment = {**os.environ, "WEBHOOK_SECRET": SECRET, "PORT": str(port)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: is_open(port))
            ping = '{"test":"test"}'
            assert post(port, signed(ping), ping) == 200
            assert post(port, signed(BODY), BODY.replace("600.5", "600.6")) == 401
            assert post(port, {}, BODY) == 401
            assert [post(port, signed(BODY), BODY) for _ in range(2)] == [200, 200]
        finally:
            process.terminate()
        out, _ = process.communicate(timeout=PATIENCE_S)
    (line,) = out.rstrip("\n").split("\n")  # the payload contains U+2028
    assert line.startswith("x ")


def test_the_page_has_a_complete_receiver_for_each_language():
    assert [name for name, _ in PROGRAMS] == ["receiver.py", "receiver.mjs"]


def post(port, headers, body):
    return httpx.post(
        f"http://127.0.0.1:{port}/", content=body.encode(), headers=headers, timeout=10
    ).status_code


@pytest.mark.parametrize(("kind", "code"), LISTENERS, ids=["EventSource", "fetch", "httpx"])
def test_the_code_reads_the_stream_and_resumes_where_it_was(service, kind, code, tmp_path):
    with closing(Outbox(service.database)) as outbox, closing(StreamReader(service)) as stream:
        last = stream.last
        published = outbox.publish("a\u2028b", "c\u0085d", "e")
        if kind == "py":
            received = by_python(code, service, last)
        elif "EventSource" in code:
            received, published = by_event_source(code, service, outbox, tmp_path)
        else:
            received = by_fetch(code, service, last, tmp_path)
        assert received == published


def by_python(code, service, last):
    names = {}
    exec(compile(code, "consumers", "exec"), names)
    events = names["listen"](service.url, service.key, last)
    (cursor, first), (_, second) = next(events), next(events)
    events.close()
    again = names["listen"](service.url, service.key, cursor)
    assert next(again)[1] == second
    third = next(again)[1]
    again.close()
    return [first["id"], second["id"], third["id"]]


def by_fetch(code, service, last, tmp_path):
    reading = """
      const ids = [];
      let last = GIVEN.last;
      while (ids.length < 3) {
        for await (const { last: cursor, event } of listen(GIVEN.url, GIVEN.key, last)) {
          ids.push(event.id); last = cursor; break;
        }
      }
      for (const id of ids) console.log(JSON.stringify(id));
    """
    return run_node(code + reading, tmp_path, url=service.url, key=service.key, last=last)


def by_event_source(code, service, outbox, tmp_path):
    """Return the ids that arrived, and those that were published once the stream was open."""
    reading = """
      let received = 0;
      const events = listen(GIVEN.url, GIVEN.key, (event) => {
        console.log(JSON.stringify(event.id));
        if (++received === 3) events.close();
      });
      events.onopen = () => console.error("open");
    """
    script = ROOT / "tests/node/node_modules/eventsource"
    if not script.exists():
        pytest.skip("the library for Node.js is not installed: tests/install_node.sh installs it")
    file = tmp_path / "consumer.mjs"
    head = f'import {{ createRequire }} from "node:module";\nconst {{ EventSource }} = createRequire({json.dumps(str(script))})("eventsource");\n'
    given = json.dumps({"url": service.url, "key": service.key})
    file.write_text(f"{head}const GIVEN = {given};\n{code}{reading}")
    with subprocess.Popen(
        [node(), file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr.readline() == "open\n"
        published = outbox.publish("a\u2028b", "c", "e")
        out, _ = process.communicate(timeout=PATIENCE_S)
    return [json.loads(line) for line in out.splitlines()], published
