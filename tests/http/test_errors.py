"""The texts of errors, as the API writes them, and the list of all errors."""

import ast
import re
from http import HTTPStatus

import pytest

from headcount.http import errors
from headcount.http.errors import sentence_case
from headcount.http.schemas import ERRORS
from support import ROOT
from support.openapi import document


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("the disk is full.", "The disk is full"),
        ("line 2: not JSON", "Line 2: not JSON"),
        ("No route matches /x. See /docs", "No route matches /x. See /docs"),
        ('"limit" must be a number', '"limit" must be a number'),
        ("events[1]: not a time", "events[1]: not a time"),
        ("room must be at most 512 characters", "room must be at most 512 characters"),
        ("user_id: expected text", "user_id: expected text"),
        ("", ""),
    ],
)
def test_a_text_starts_with_a_capital_letter_unless_a_field_is_first_and_has_no_final_period(text, written):
    assert sentence_case(text) == written


def raised_errors():
    """The statuses and types of all errors in the source: a type always follows its status."""
    found = {(status, type_) for status, (type_, _) in errors._FRAMEWORK_ERRORS.items()}  # noqa: SLF001
    for path in (ROOT / "src/headcount").rglob("*.py"):
        tree = ast.parse(path.read_text())
        constants = {
            node.target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            values = node.args if isinstance(node, ast.Call) else getattr(node, "elts", [])
            for status, type_ in zip(values, values[1:], strict=False):
                if isinstance(status, ast.Attribute) and getattr(status.value, "id", "") == "HTTPStatus":
                    named = constants.get(getattr(type_, "id", ""), getattr(type_, "value", None))
                    if isinstance(named, str) and re.fullmatch("[a-z-]+", named):
                        found.add((HTTPStatus[status.attr].value, named))
    return found


def test_every_error_is_listed_and_every_listed_error_exists():
    assert raised_errors() == set(ERRORS)


def test_the_reference_has_every_error_and_no_other():
    page = (ROOT / "docs/reference/rest-api.md").read_text()
    rows = re.findall(r"^\| (\d{3}) \| `([\w-]+)` \| \S", page, re.MULTILINE)
    assert {(int(status), type_) for status, type_ in rows} == set(ERRORS)
    assert len(rows) == len(ERRORS)


def test_the_document_has_every_error_of_an_operation_and_all_types():
    components = document()["components"]
    listed = {
        (int(status), type_)
        for status, response in components["responses"].items()
        for type_ in re.findall(r"`([\w-]+)`", response["description"])
    }
    assert listed == {error for error in ERRORS if error[0] not in (405, 431)}
    types = re.findall(r"`([\w-]+)`", components["schemas"]["Error"]["properties"]["error"]["description"])
    assert set(types) == {type_ for _, type_ in ERRORS}
