"""Forms are read as Python's own library reads them."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.sources.forms import fields


@given(st.text(alphabet=st.characters(max_codepoint=127)) | st.text(alphabet="a%+&=C3E2829"))
def test_any_form_is_read_as_the_library_does(body):
    assert fields(body.encode()) == parse_qsl(body, keep_blank_values=True)


@given(st.lists(st.tuples(st.text(), st.text())))
def test_what_is_written_as_a_form_is_read_as_it_was(told):
    assert fields(urlencode(told).encode()) == told


@pytest.mark.parametrize("body", [b"a=\xff", b"a=%FF"])
def test_what_is_no_utf_8_is_replaced(body):
    assert fields(body) == [("a", "\ufffd")]
