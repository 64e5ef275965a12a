"""Technical participants of every vendor: they do not count, are reported by their role, and count if an option includes it.

`EXCLUDED_ROLES` has the roles that a vendor marks. Each is in a golden payload of `tests/sources`.
"""

import json
from functools import cache

import msgspec
import pytest

from headcount.ingest.normalize import normalize, policy_from_options
from headcount.limits import Limits
from headcount.sources.api import COUNTED_ROLES, parse_trusted
from headcount.sources.registry import SOURCES
from support.golden_payloads import FILES, request_of

EXCLUDED_ROLES = {
    "100ms": {"recorder"},
    "agora": {"recorder"},
    "bigbluebutton": set(),  # recordings are no users
    "chime": {"recorder", "screen"},
    "daily": {"hidden"},
    "generic": set(),  # the field map states roles
    "jaas": {"recorder", "hidden"},
    "janus": set(),  # every participant counts
    "jitsi": {"recorder", "hidden"},
    "livekit": {"recorder", "stream", "hidden", "unanswered", "test"},
    "realtimekit": set(),  # recordings are no participants
    "stream": set(),
    "twilio": set(),  # recordings and compositions are no participants
    "videosdk": set(),
    "vonage": set(),  # what connects has the application's own data
    "whereby": {"recorder", "stream", "hidden"},
    "zoom": set(),  # bots are users with a name
}
NOW = 1_900_000_000_000


@cache
def technical():
    """Return `{(kind, file): (request, roles)}` of the golden payloads with participants that do not count."""
    found = {}
    for file in FILES:
        golden = json.loads(file.read_text())
        roles = {event.get("role", "person") for event in golden.get("events", ())} - set(COUNTED_ROLES)
        if roles:
            found[file.parent.name, file.stem] = request_of(golden), sorted(roles)
    return found


every_payload = pytest.mark.parametrize("name", technical(), ids="/".join)


def test_each_vendor_and_each_role_that_it_marks_has_a_payload():
    assert EXCLUDED_ROLES.keys() == SOURCES.keys()
    found = {kind: set() for kind in SOURCES}
    for (kind, _), (_, roles) in technical().items():
        found[kind].update(roles)
    assert found == EXCLUDED_ROLES


@every_payload
def test_an_import_skips_them_and_names_their_role(store, name):
    request, roles = technical()[name]
    line = {"body": request.body.decode(), "headers": dict(request.headers), "t": request.received_at / 1_000}
    log = store.file("log.jsonl", msgspec.json.encode(line) + b"\n")
    result = store.import_export(name[0], log)
    for role in roles:
        assert f"1 events of the role {role} (--include-role {role} imports them)" in result.output
    assert "Imported 0 events" in result.output
    store.database.unlink()
    included = [option for role in roles for option in ("--include-role", role)]
    assert "Imported 1 events" in store.import_export(name[0], log, *included).output


@every_payload
def test_a_source_lists_them_with_their_role(name):
    request, roles = technical()[name]
    kind = name[0]
    events = parse_trusted(SOURCES[kind], request)
    normalized = normalize(events, policy_from_options(kind, "default", "t", {}), NOW, NOW, Limits())
    assert [one.role for one in normalized.excluded] == roles
    assert normalized.entries == []
    everybody = policy_from_options(kind, "default", "t", {"include_roles": roles})
    assert len(normalize(events, everybody, NOW, NOW, Limits()).entries) == 1
