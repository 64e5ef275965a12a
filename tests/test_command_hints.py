"""Command hints: complete for clients on this machine, without the database for all others."""

from pathlib import Path

import pytest

from headcount.command_hints import CommandHints
from headcount.settings import read_settings

KEY = "key create --scope read"


def hints(database="data/my store.db", **settings):
    return CommandHints(read_settings({"database": database, **settings}, {}))


def test_a_command_names_the_absolute_path_of_the_database():
    path = Path("data/my store.db").resolve()
    assert hints().command(KEY) == f"headcount key create --scope read --database '{path}'"


def test_a_command_for_postgresql_has_no_password():
    command = hints("postgresql://headcount:secret@db.example/meetings").command(KEY)
    assert command == 'headcount key create --scope read --database "$HEADCOUNT_DATABASE"'


def test_a_command_names_the_file_of_encryption_keys(tmp_path):
    command = hints(encryption_key_file=str(tmp_path / "encryption.keys")).command(KEY)
    assert command.endswith(f" --encryption-key-file {tmp_path}/encryption.keys")


def test_a_command_that_prints_an_address_gets_the_flags_that_change_it():
    moved = hints(port="9000", public_url="https://meetings.example", api_prefix="/api")
    assert moved.command("login-link").endswith(" --port 9000 --public-url https://meetings.example")
    assert " --api-prefix /api" in moved.command("source create livekit")
    assert "--port" not in moved.command(KEY)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "127.0.0.1"])
def test_a_client_on_this_machine_sees_the_complete_command(host):
    assert hints().command_for(KEY, "127.0.0.1", {"host": host}) == hints().command(KEY)


@pytest.mark.parametrize(
    ("client", "headers"),
    [
        ("192.0.2.1", {"host": "127.0.0.1"}),
        ("127.0.0.1", {"host": "meetings.example"}),
        ("127.0.0.1", {}),
        ("127.0.0.1", {"host": "localhost", "x-forwarded-for": "192.0.2.1"}),
        ("127.0.0.1", {"host": "localhost", "via": "1.1 proxy"}),
        ("unix", {"host": "localhost"}),
    ],
)
def test_no_other_client_sees_the_database(client, headers):
    assert hints().command_for(KEY, client, headers) is None


def test_with_a_public_url_no_client_without_a_key_sees_the_database():
    behind_a_proxy = hints(public_url="https://meetings.example")
    assert behind_a_proxy.command_for(KEY, "127.0.0.1", {"host": "localhost"}) is None
