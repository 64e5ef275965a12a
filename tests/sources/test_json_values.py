"""Objects of a JSON file, in every form in which programs write them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount import BadInput
from headcount.sources.json_values import split_objects
from support.json_forms import FORMS, PREFIX, pretty, pretty_list, with_prefix

TEXTS = st.text(max_size=5) | st.sampled_from(['"', "\\", "{", "}", "[", "]", "\n", '{"a":', "é", "😀"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), max_size=4)


def split(content):
    errors = []
    found = list(split_objects(content, "log", errors.append))
    return found, [str(error) for error in errors]


def decoded(found):
    return [json.loads(one.text) for one in found]


@given(
    form=st.sampled_from(FORMS),
    objects=OBJECTS,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
)
def test_every_form_gives_the_same_objects(form, objects, encoding):
    text = form(objects)
    if text.strip():
        found, errors = split(text.encode(encoding))
        assert (decoded(found), errors) == (objects, [])
        starts = [text.split("\n")[one.line - 1] for one in found]
        assert all("{" in line for line in starts)


@given(form=st.sampled_from(FORMS), objects=OBJECTS, data=st.data())
def test_a_file_that_is_cut_off_gives_the_objects_before_the_cut(form, objects, data):
    text = form(objects)
    cut = text[: data.draw(st.integers(0, len(text)))]
    if cut.strip():
        found, errors = split(cut.encode())
        assert decoded(found) == objects[: len(found)]
        assert len(errors) <= 1


@given(objects=OBJECTS.filter(bool), form=st.sampled_from([pretty, pretty_list]))
def test_objects_after_a_broken_one_are_read(objects, form):
    found, errors = split(form([{"a": 1}, *objects]).replace('"a": 1', '"a": x').encode())
    assert decoded(found) == objects
    assert len(errors) == 1


@pytest.mark.parametrize(
    ("content", "errors"),
    [
        ('{}\n{"a": x}\n{}', ["log, line 2: not JSON: expecting value (line 2, column 7)"]),
        ('{}\n{"a"', ["log, line 2: the JSON that starts here does not end: the file is cut off"]),
        ("[{},\n{},", ["log, line 1: the list that starts here does not end: the file is cut off"]),
        ("{}]", ["log, line 1: expected a JSON object, got ']'"]),
        ("null\n7", ["log, line 1: expected a JSON object, got 'null'", "log, line 2: expected a JSON object, got '7'"]),
        ("app  | Listening\n{}", ["log, line 1: expected a JSON object, got 'app  | Listening'"]),
        ('"room": {"sid": "RM_1"}', ["""log, line 1: expected a JSON object, got '"room": {"sid": "RM_1"}'"""]),
        ("app  | {\napp  | }", [
            "log, line 1: starts with 'app  |' before the JSON. Remove this prefix from each line",
            "log, line 2: expected a JSON object, got 'app  | }'",
        ]),
        ('{"a":' * 100_000, ["log, line 1: not JSON that can be read: it is nested too deeply"]),
    ],
)  # fmt: skip
def test_an_error_names_its_line(content, errors):
    assert split(content.encode())[1] == errors


def test_bytes_that_are_not_utf8_stay_with_their_object():
    found, errors = split(b'{"a":"\xe9"}\n{}')
    assert ([one.text for one in found], errors) == ([b'{"a":"\xe9"}', b"{}"], [])


def test_a_prefix_is_ignored_where_a_line_has_one():
    found, errors = split((with_prefix([{"a": 1}]) + '{"b": 2}\n' + PREFIX + "\n").encode())
    assert decoded(found) == [{"a": 1}, {"b": 2}]
    assert errors == [f"log, line 3: expected a JSON object, got '{PREFIX.strip()}'"]


@pytest.mark.parametrize("content", [b"", b" \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(content):
    with pytest.raises(BadInput, match="is empty"):
        split(content)
