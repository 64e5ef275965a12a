"""Properties of every export format: any file is parsed or rejected, and the same file gives the same events."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount import BadInput
from headcount.sources.api import parse_trusted
from headcount.sources.exports.api import ExportFile, ExportOptions, SkippedRow, parse_export
from headcount.sources.exports.registry import EXPORT_FORMATS
from headcount.sources.registry import SOURCES
from headcount.timezones import parse_zone
from support.golden_exports import FILES, content_of, options_of
from support.json_forms import FORMS, lines

OPTIONS = ExportOptions("room", parse_zone("Europe/Berlin"), day_first=True)

every_format = pytest.mark.parametrize("export_format", EXPORT_FORMATS.values(), ids=list(EXPORT_FORMATS))


def golden_files_of(export_format):
    return [json.loads(file.read_text()) for file in FILES if file.parent.name == export_format.kind]


def parse(export_format, raw, options=OPTIONS):
    """Return the events and the errors, or None if the file is rejected. No other error may occur."""
    bad = []
    with suppress(BadInput):
        return parse_export(export_format, ExportFile(raw), options, bad.append), bad
    return None


@every_format
@given(raw=st.binary(max_size=300))
def test_any_bytes_are_parsed_or_rejected(export_format, raw):
    parse(export_format, raw)


@every_format
@given(st.data())
def test_a_damaged_file_is_parsed_or_rejected(export_format, data):
    goldens = golden_files_of(export_format)
    if not goldens:  # payload logs are damaged in the tests of sources
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
    parse(export_format, raw[:at] + put + raw[at + length :])


@every_format
def test_a_file_is_parsed_the_same_way_each_time(export_format):
    for golden in golden_files_of(export_format):
        options = options_of(golden)
        assert parse(export_format, content_of(golden), options) is None or (
            parse(export_format, content_of(golden), options)[0]
            == parse(export_format, content_of(golden), options)[0]
        )


def captured(request):
    headers = {name.title(): value for name, value in request.headers.items()}
    return {
        "t": request.received_at / 1_000,
        "url": request.url,
        "headers": headers,
        "body": request.body.decode(),
    }


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_a_payload_log_of_any_form_has_the_events_of_its_requests(source, form):
    requests = source.samples(1_772_442_000_000)
    log = form([captured(one) for one in requests]).encode()
    events, bad = parse(EXPORT_FORMATS[source.kind], log)
    assert events == [event for one in requests for event in parse_trusted(source, one)]
    assert [error for error in bad if not isinstance(error, SkippedRow)] == []


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_a_payload_log_of_a_container_has_the_events_of_its_requests(source):
    requests = source.samples(1_772_442_000_000)
    logged = [{"log": json.dumps(captured(one)) + "\n", "stream": "stdout"} for one in requests]
    events, bad = parse(EXPORT_FORMATS[source.kind], lines(logged).encode())
    assert events == [event for one in requests for event in parse_trusted(source, one)]
    assert bad == []
    events, (error,) = parse(
        EXPORT_FORMATS[source.kind], lines([{"log": "Listening", "stream": "stdout"}]).encode()
    )
    assert (events, str(error).startswith("the file, line 1: not a captured request: ")) == ([], True)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_dump_of_any_form_has_the_stays_of_its_meetings(form):
    (golden,) = (
        json.loads(file.read_text()) for file in FILES if file.stem == "page" and "daily" in str(file)
    )
    page, expected = golden["body"], parse(EXPORT_FORMATS["daily-meetings"], content_of(golden))
    for objects in ([page], page["data"]):
        assert parse(EXPORT_FORMATS["daily-meetings"], form(objects).encode()) == expected
