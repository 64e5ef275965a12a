"""What holds for every form: anything is read or refused, and the same file says the same."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount import BadInput
from headcount.sources.api import parse_trusted
from headcount.sources.exports.api import ExportFile, ExportOptions, parse_export
from headcount.sources.exports.registry import EXPORT_FORMATS
from headcount.sources.registry import SOURCES
from headcount.timezones import zone_named
from support.golden_exports import FILES, content_of, options_of

POLL_ONLY_SOURCES = ExportOptions("room", zone_named("Europe/Berlin"), day_first=True)

every_form = pytest.mark.parametrize("form", EXPORT_FORMATS.values(), ids=list(EXPORT_FORMATS))


def goldens_of(form):
    return [json.loads(file.read_text()) for file in FILES if file.parent.name == form.kind]


def parse(form, raw, asked=POLL_ONLY_SOURCES):
    """The events, or None if the file is refused. Nothing else may happen."""
    bad = []
    with suppress(BadInput):
        return parse_export(form, ExportFile(raw), asked, bad.append), bad
    return None


@every_form
@given(raw=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(form, raw):
    parse(form, raw)


@every_form
@given(st.data())
def test_a_damaged_file_is_read_or_refused(form, data):
    goldens = goldens_of(form)
    if not goldens:  # logs of webhooks are damaged with their sources
        return
    raw = content_of(data.draw(st.sampled_from(goldens)))
    at = data.draw(st.integers(0, max(0, len(raw) - 1)))
    length = data.draw(st.integers(0, 20))
    put = data.draw(
        st.one_of(
            st.binary(max_size=6),
            st.sampled_from(
                [b"null", b'"', b"1e308", b"-1", b"9" * 30, b"[]", b"{}", b"NaN", b"\\u0000", b"\n", b"\t", b",", b"<", b"0"]
            ),
        )
    )  # fmt: skip
    parse(form, raw[:at] + put + raw[at + length :])


@every_form
def test_a_file_says_the_same_each_time(form):
    for told in goldens_of(form):
        asked = options_of(told)
        assert parse(form, content_of(told), asked) is None or (
            parse(form, content_of(told), asked)[0] == parse(form, content_of(told), asked)[0]
        )


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_a_log_says_what_its_deliveries_said(source):
    deliveries = source.samples(1_772_442_000_000)
    lines = [
        json.dumps(
            {
                "t": one.received_at / 1_000,
                "url": one.url,
                "headers": {name.title(): value for name, value in one.headers.items()},
                "body": one.body.decode(),
            }
        )
        for one in deliveries
    ]
    heard, bad = parse(EXPORT_FORMATS[source.kind], "\n".join(lines).encode())
    assert heard == [event for one in deliveries for event in parse_trusted(source, one)]
    assert bad == []
