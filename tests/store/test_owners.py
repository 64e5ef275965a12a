"""Owners of files: what a command of root writes beside a database belongs to the owner of the directory."""

import os

import pytest

from headcount.store.sqlite import create_private, give_to_owner
from support.running_service import new_store

SERVICE = 64_123


@pytest.fixture
def folder(tmp_path):
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("only root gives files away")
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, SERVICE, SERVICE)
    return state


def test_a_new_database_belongs_to_the_owner_of_its_directory(folder):
    new_store(folder / "headcount.db")
    assert {file.name: file.stat().st_uid for file in folder.iterdir()} == {"headcount.db": SERVICE}
    assert (folder / "headcount.db").stat().st_mode & 0o777 == 0o600


def test_in_a_directory_of_root_a_file_belongs_to_root(tmp_path):
    create_private(tmp_path / "copy.db")
    assert (tmp_path / "copy.db").stat().st_uid == os.geteuid()


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_file_of_root_is_not_given_away_through_a_link(link, folder, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("of root")
    link(secret, folder / "headcount.db.erasures")
    with (folder / "headcount.db.erasures").open("ab") as file:
        give_to_owner(file.fileno(), folder / "headcount.db.erasures")
    assert secret.stat().st_uid == 0
