"""`headcount webhook`, over the store, while the service runs."""

import json
import re

from support.outbox_messages import put
from support.running_service import headcount
from support.waiting import wait_until
from support.webhook_receivers import answers, receiving

UUID = re.compile(r"^  ([0-9a-f-]{36})$", re.MULTILINE)
NEW = "IB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgE="


def command(service, *given, check=True):
    allowed = {"HEADCOUNT_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}
    return headcount("webhook", *given, "--database", service.database, check=check, environment=allowed)


def added(service, receiver, *flags):
    return UUID.search(command(service, "create", receiver.url, *flags).stdout)[1]


def test_an_endpoint_is_created_listed_and_removed_by_command(service, client, outbox, receiver):
    name = added(service, receiver, "--type", "meeting.ended", "--retry-type", "exponential")
    assert len(receiver.came) == 1
    wait_until(lambda: client.get(f"/webhooks/{name}").json()["eventTypes"] == ["meeting.ended"])
    put(outbox, "by-command", type_="meeting.ended")
    receiver.wait_for(1)
    wait_until(lambda: "by-command  delivered" in command(service, "deliveries", name[:8]).stdout)
    listed = command(service, "list").stdout
    assert f"{name}  ACTIVE  {receiver.url}" in listed
    assert "status 200" in command(service, "deliveries", receiver.url).stdout
    assert "answered with status 200" in command(service, "test", name).stdout
    assert "1 message will be" in command(service, "resend", name, "--message", "by-command").stdout
    receiver.wait(lambda came: len(came) == 2)
    command(service, "delete", name)
    assert client.get("/webhooks").json() == []
    refused = command(service, "delete", name, check=False)
    assert (refused.returncode, "there is no webhook endpoint" in refused.stderr) == (2, True)


def test_extensions_are_switched_by_command(service, client, receiver):
    name = added(service, receiver, "--extensions")

    def shown():
        return json.loads(command(service, "show", name, "--json").stdout)["extensions"]

    assert client.get(f"/webhooks/{name}").json()["extensions"] is True
    assert shown() is True
    assert "extensions        yes" in command(service, "show", name).stdout
    command(service, "update", name, "--retry-type", "exponential")
    assert shown() is True
    command(service, "update", name, "--no-extensions")
    assert shown() is False
    assert "extensions" not in client.get(f"/webhooks/{name}").json()


def test_secrets_are_rotated_by_command(service, client, receiver):
    name = added(service, receiver)
    (old,) = json.loads(command(service, "show", name, "--json").stdout)["secrets"]

    def rotate(*options):
        return json.loads(command(service, "rotate-secret", name, *options, "--json").stdout)["secrets"]

    assert rotate("--add", NEW) == [NEW, old]
    assert client.get(f"/webhooks/{name}/secrets").json()["secrets"] == [NEW, old]
    assert rotate("--remove", old) == [NEW]
    assert command(service, "rotate-secret", name, "--remove", NEW, check=False).returncode == 2
    generated, before = rotate()
    assert (before, generated != NEW) == (NEW, True)


def test_an_endpoint_that_does_not_answer_is_created_only_without_a_ping(service, client):
    with receiving() as closed:
        url = closed.url
    refused = command(service, "create", url, check=False)
    assert (refused.returncode, f"{url}: the endpoint failed the test request" in refused.stderr) == (2, True)
    assert "recvd" not in refused.stderr
    command(service, "create", url, "--no-ping")
    assert [one["url"] for one in client.get("/webhooks").json()] == [url]


def test_the_doctor_names_a_disabled_endpoint_and_how_to_fix_it(service, client, outbox, receiver):
    name = added(service, receiver)
    receiver.behave = answers(500)
    sent = []

    def failed():
        sent.append(f"ill-{len(sent)}")
        put(outbox, sent[-1], room=sent[-1])
        return client.get(f"/webhooks/{name}").json()["state"] == "FAILED"

    wait_until(failed)
    report = headcount("doctor", "--database", service.database, check=False).stdout
    assert f"headcount webhook update {name} --enable" in report
    receiver.behave = answers()
    command(service, "update", name, "--enable")
    came = receiver.wait_for(len(sent))
    assert {one.id for one in came} == set(sent)
    wait_until(lambda: client.get(f"/webhooks/{name}").json()["state"] == "ACTIVE")
    assert "position" in headcount("doctor", "--database", service.database).stdout
