"""Sources that variables and the settings file declare: what they mean, and what is refused with which words."""

import threading

import pytest

from headcount.errors import BadInput
from headcount.ingest.declared_sources import declared_sources, sync_declared_sources
from headcount.settings import read_settings
from headcount.store.open import open_store
from headcount.store.sources import SourceRow

PREFIX = "HEADCOUNT_SOURCE_"


def declared(tmp_path, text="", **variables):
    file = tmp_path / "headcount.toml"
    file.write_text(text)
    given = {f"{PREFIX}{name}": value for name, value in variables.items()}
    return declared_sources(read_settings({}, given, str(file)))


def test_the_name_is_the_kind_unless_a_variable_states_it(tmp_path):
    found = declared(tmp_path, LIVEKIT_SECRET="a:b", MY_SFU_KIND="generic", MY_SFU_SECRET="w")
    assert [(one.row.name, one.row.kind) for one in found] == [("livekit", "livekit"), ("my-sfu", "generic")]
    assert all(one.row.declared for one in found)


def test_every_key_can_be_a_variable(tmp_path):
    mapping = tmp_path / "mapping.json"
    mapping.write_text('{"room": "/r", "kind": {"at": "/k", "join": ["in"]}, "participant_id": "/p"}')
    found = declared(
        tmp_path,
        LK_KIND="livekit",
        LK_NAME="Main",
        LK_SECRET="new:secret\n old:secret \n",
        LK_TOKEN="t-1",
        LK_DOMAIN="acme",
        LK_POLL="http://livekit:7880",
        LK_POLL_INTERVAL_S="30s",
        LK_ROOM_PREFIX="lk-",
        LK_INCLUDE_ROLES="recorder, hidden",
        LK_EXCLUDE_ROLES="agent",
        LK_ATTRIBUTES="customer=/room/metadata/customer,plan=/room/metadata/plan",
        JANUS_SECRET="w",
        JANUS_POLL="http://janus:7088/admin",
        JANUS_POLL_KEY="admin",
        OWN_KIND="generic",
        OWN_SECRET="w",
        OWN_MAPPING_FILE=str(mapping),
    )
    rows = {one.row.name: one.row for one in found}
    assert rows["Main"] == SourceRow(
        "t-1",
        "livekit",
        "acme",
        "Main",
        ("new:secret", "old:secret"),
        {
            "include_roles": ["recorder", "hidden"],
            "exclude_roles": ["agent"],
            "room_prefix": "lk-",
            "attributes": {"customer": "/room/metadata/customer", "plan": "/room/metadata/plan"},
            "poll": "http://livekit:7880",
            "poll_interval_s": "30s",
        },
        declared=True,
    )
    assert rows["janus"].options == {"poll": "http://janus:7088/admin", "poll_key": "admin"}
    assert rows["own"].options["mapping"]["participant_id"] == "/p"


def test_a_variable_overrides_the_key_of_the_file(tmp_path):
    text = '[sources.my-sfu]\nkind = "livekit"\nsecrets = ["a:b"]\ntoken = "t"\npoll = "http://one"\n'
    (found,) = declared(tmp_path, text, MY_SFU_POLL="http://two")
    assert (found.row.name, found.row.token, found.row.options) == ("my-sfu", "t", {"poll": "http://two"})


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"LIVEKIT_TOKEN": "t"}, "source 'livekit' (HEADCOUNT_SOURCE_LIVEKIT_TOKEN): a source of LiveKit needs a secret: the API key"),
        ({"LIVEKIT_SECRET": "only-a-key"}, "HEADCOUNT_SOURCE_LIVEKIT_SECRET: expected the API key and its secret, as KEY:SECRET"),
        ({"SFU_SECRET": "a:b"}, "source 'sfu': has no kind: set HEADCOUNT_SOURCE_SFU_KIND (in a file: kind) to one of livekit, jitsi"),
        ({"SFU_KIND": "livekitt", "SFU_SECRET": "x"}, "unknown source 'livekitt': expected one of livekit"),
        ({"LIVEKIT_SECRTE": "a:b"}, "HEADCOUNT_SOURCE_LIVEKIT_SECRTE: expected HEADCOUNT_SOURCE_NAME_KEY, and there is no key 'SECRTE'; did you mean 'SECRET'?"),
        ({"LIVEKIT": "a:b"}, "there is no key 'LIVEKIT'. Keys are KIND, DOMAIN"),
        ({"LIVEKIT_SECRET": "a:b", "LIVEKIT_POLL": "livekit:7880"}, "HEADCOUNT_SOURCE_LIVEKIT_POLL: expected"),
        ({"LIVEKIT_SECRET": "a:b", "LIVEKIT_POLL_INTERVAL_S": "5"}, "set HEADCOUNT_SOURCE_LIVEKIT_POLL URL (in a file: poll)"),
        ({"LIVEKIT_SECRET": "a:b", "LIVEKIT_TOKEN": "a/b"}, "HEADCOUNT_SOURCE_LIVEKIT_TOKEN: token: expected A to Z, a to z, 0 to 9 and -._~ only"),
        ({"LIVEKIT_SECRET_FILE": "/nonexistent/secret"}, "HEADCOUNT_SOURCE_LIVEKIT_SECRET_FILE: /nonexistent/secret cannot be read: no such file or directory"),
        ({"LIVEKIT_SECRET_FILE": "/dev/null"}, "/dev/null is empty: write the value into it"),
        ({"LIVEKIT_SECRET_FILE": "/dev/null", "LIVEKIT_SECRET": "a:b"}, "HEADCOUNT_SOURCE_LIVEKIT_SECRET_FILE: is set in addition to HEADCOUNT_SOURCE_LIVEKIT_SECRET"),
        ({"LIVEKIT_SECRET": "a:b", "LIVEKIT_ATTRIBUTES": "customer"}, "HEADCOUNT_SOURCE_LIVEKIT_ATTRIBUTES: expected KEY=POINTER separated by commas"),
        ({"GENERIC_SECRET": "w", "GENERIC_MAPPING": "{"}, "HEADCOUNT_SOURCE_GENERIC_MAPPING: is not JSON"),
        ({"LIVEKIT_SECRET": "a:b", "LIVEKIT_TOKEN": "t", "JITSI_SECRET": "w", "JITSI_TOKEN": "t"}, "has the same token as source 'jitsi'"),
        ({"LIVEKIT_SECRET": "a:b", "JITSI_SECRET": "w", "JITSI_NAME": "livekit"}, "has the same name and domain as source 'jitsi'"),
    ],
)  # fmt: skip
def test_an_error_names_the_variable_and_how_to_fix_it(tmp_path, variables, message):
    with pytest.raises(BadInput) as refused:
        declared(tmp_path, **variables)
    assert message in str(refused.value)
    assert "a:b" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[sources]]\nkind = 'livekit'\n", "expected a table for each source, [sources.NAME]"),
        ("[sources.livekit]\nsecret = 'a:b'\n", "[sources.livekit]: there is no key 'secret'; did you mean 'secrets'?"),
        ("[sources.livekit]\nsecrets = 'a:b'\n", '[sources.livekit]: secrets: expected a list of texts, such as ["KEY:SECRET"]'),
        ("[sources.livekit]\nsecrets = ['a:b']\npoll = 'x'\n", "[sources.livekit]: poll: expected"),
    ],
)  # fmt: skip
def test_an_error_names_the_table(tmp_path, text, message):
    with pytest.raises(BadInput) as refused:
        declared(tmp_path, text)
    assert message in str(refused.value)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, tmp_path):
    url = (
        str(tmp_path / "headcount.db")
        if request.param == "sqlite"
        else request.getfixturevalue("postgres").database()
    )
    opened = open_store(url)
    yield opened
    opened.close()


def sync(store, tmp_path, now=1, **variables):
    sync_declared_sources(store.sources, declared(tmp_path, **variables), lambda: f"new-{now}", now)
    return [(row.name, row.token, row.secrets, row.declared, row.created) for row in store.sources.all()]


def test_a_declaration_creates_changes_and_releases(store, tmp_path):
    created = sync(store, tmp_path, now=1, LIVEKIT_SECRET="a:b")
    assert created == [("livekit", "new-1", ("a:b",), True, 1)]
    assert sync(store, tmp_path, now=2, LIVEKIT_SECRET="a:b") == created  # its address stays
    changed = sync(store, tmp_path, now=3, LIVEKIT_SECRET="a:c")
    assert changed == [("livekit", "new-1", ("a:c",), True, 1)]
    assert sync(store, tmp_path, now=4, LIVEKIT_SECRET="a:c", LIVEKIT_TOKEN="t") == [
        ("livekit", "t", ("a:c",), True, 4)
    ]
    assert sync(store, tmp_path, now=5) == [("livekit", "t", ("a:c",), False, 4)]
    assert sync(store, tmp_path, now=6, LIVEKIT_SECRET="a:c") == [("livekit", "t", ("a:c",), True, 4)]


def test_a_declared_source_that_was_deleted_or_renamed_has_its_token_again(store, tmp_path):
    sync(store, tmp_path, now=1, LIVEKIT_SECRET="a:b", LIVEKIT_TOKEN="t")
    store.sources.remove("t", 2)
    assert sync(store, tmp_path, now=3, LIVEKIT_SECRET="a:b", LIVEKIT_TOKEN="t") == [
        ("livekit", "t", ("a:b",), True, 3)
    ]
    renamed = {"LK_KIND": "livekit", "LK_SECRET": "a:b", "LK_TOKEN": "t"}
    assert sync(store, tmp_path, now=4, **renamed) == [("lk", "t", ("a:b",), True, 4)]


def test_a_declaration_takes_over_a_source_of_its_name_but_no_token_of_another(store, tmp_path):
    store.sources.add(SourceRow("own", "livekit", "default", "livekit", ("x:y",), created=1))
    with pytest.raises(
        BadInput, match="the token of the declared source 'lk' is that of the source 'livekit'"
    ):
        sync(store, tmp_path, LK_KIND="livekit", LK_SECRET="a:b", LK_TOKEN="own")
    assert sync(store, tmp_path, LIVEKIT_SECRET="a:b") == [("livekit", "own", ("a:b",), True, 1)]


def test_two_processes_that_start_at_the_same_time_declare_one_source(store, tmp_path):
    wanted = declared(tmp_path, LIVEKIT_SECRET="a:b")
    ready, errors = threading.Barrier(4), []

    def start(number):
        try:
            ready.wait(30)
            sync_declared_sources(store.sources, wanted, lambda: f"token-{number}", 1)
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            errors.append(error)

    threads = [threading.Thread(target=start, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert [row.name for row in store.sources.all()] == ["livekit"]
