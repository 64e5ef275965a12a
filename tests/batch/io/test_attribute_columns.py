"""Attributes in files and tables: objects, single columns, and what is refused."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.batch.io.column_map import column_map, parse_map
from headcount.errors import BadInput
from headcount.limits import Limits
from support.event_files import (
    END,
    JOIN,
    LEAVE,
    error_of,
    error_with,
    read_all,
    table,
    write_lines,
    write_ndjson,
)

ANN = {"role": "host", "customer": "acme", "seats": 7, "vip": True, "score": 0.5}
CANONICAL = '{"customer":"acme","role":"host","score":0.5,"seats":7,"vip":true}'
MAP = pa.map_(pa.string(), pa.string())


def attributes_of(source, **options):
    read = read_all(source, **options)
    return read["attributes"].to_pylist() if "attributes" in read.column_names else [None] * len(read)


def with_column(values, kind=None, name="attributes"):
    rows = [JOIN | {"participant_id": f"p{number}"} for number in range(len(values))]
    return table(*rows).append_column(name, pa.array(values, kind))


def test_an_object_is_json_text_in_any_form():
    texts = [json.dumps(ANN), CANONICAL, ' {"role" : "host"}\n', "{}", "null", "", None]
    assert attributes_of(with_column(texts)) == [CANONICAL, CANONICAL, '{"role":"host"}', *[None] * 4]


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int8(), pa.string())]
)
def test_json_text_may_have_any_type_of_text(kind):
    assert attributes_of(
        with_column([CANONICAL, None]).cast(pa.schema([*table(JOIN).schema, ("attributes", kind)]))
    ) == [CANONICAL, None]


def test_an_object_is_a_struct():
    assert attributes_of(with_column([ANN, None, {"role": "guest"}])) == [CANONICAL, None, '{"role":"guest"}']


def test_an_object_is_a_map():
    values = [[("role", "host"), ("email", "a@b")], None, [], [("role", "host"), ("email", "")]]
    found = ['{"email":"a@b","role":"host"}', None, None, '{"role":"host"}']
    assert attributes_of(with_column(values, MAP)) == found
    assert attributes_of(with_column(values, MAP).slice(1)) == found[1:]


def test_keys_are_in_the_order_of_their_characters_in_every_form():
    values = dict.fromkeys(("b", "Z", "é", "a.b", "a", "😀", "ﬁ", "ab"), "x")
    text = json.dumps(dict(sorted(values.items())), ensure_ascii=False, separators=(",", ":"))
    as_map = with_column([list(values.items())], MAP)
    columns = table(JOIN | {f"attributes.{key}": value for key, value in values.items()})
    for source in (with_column([json.dumps(values)]), with_column([values]), as_map, columns):
        assert attributes_of(source) == [text]


def test_a_column_of_its_own_has_one_attribute():
    rows = [
        JOIN
        | {"attributes.role": "host", "attributes.seats": 7, "attributes.vip": True, "attributes.score": 1.5},
        JOIN
        | {"attributes.role": "", "attributes.seats": None, "attributes.vip": False, "attributes.score": 2.0},
        JOIN | {"attributes.role": None},
    ]
    assert attributes_of(table(*rows)) == [
        '{"role":"host","score":1.5,"seats":7,"vip":true}',
        '{"score":2,"vip":false}',
        None,
    ]


def test_texts_in_a_column_are_escaped_as_in_json():
    values = ['say "hi"', "back\\slash", "two\nlines", "tab\t", "ünï \u2028", "\x7f"]
    expected = [json.dumps({"a": value}, ensure_ascii=False, separators=(",", ":")) for value in values]
    assert attributes_of(with_column(values, name="attributes.a")) == expected
    assert attributes_of(with_column([json.dumps({"a": value}) for value in values])) == expected


@pytest.mark.parametrize(
    ("values", "kind", "found"),
    [
        ([1, -5], pa.int8(), ["1", "-5"]),
        ([2**63 - 1, None], pa.uint64(), ["9223372036854775807", None]),
        ([0.25, float("nan")], pa.float64(), ["0.25", None]),
        ([1.0, -0.0], pa.float64(), ["1", "0"]),
        ([True, None], pa.bool_(), ["true", None]),
        (["a", "a"], pa.dictionary(pa.int32(), pa.large_string()), ['"a"', '"a"']),
        ([None, None], pa.null(), [None, None]),
    ],
)
def test_a_column_may_have_any_type_of_numbers_booleans_or_text(values, kind, found):
    expected = [value and f'{{"k":{value}}}' for value in found]
    assert attributes_of(with_column(values, kind, "attributes.k")) == expected


def test_decimals_are_numbers():
    from decimal import Decimal

    values = pa.array([Decimal("1.5"), Decimal("2.0")], pa.decimal128(5, 1))
    assert attributes_of(with_column(values, name="attributes.k")) == ['{"k":1.5}', '{"k":2}']


def test_of_a_key_in_the_object_and_in_a_column_the_column_counts():
    rows = [
        JOIN | {"attributes": '{"role":"guest","seat":1}', "attributes.role": "host"},
        JOIN | {"attributes": '{"role":"guest"}', "attributes.role": None},
        JOIN | {"attributes": None, "attributes.role": "host"},
        JOIN | {"attributes": None, "attributes.role": ""},
    ]
    assert attributes_of(table(*rows)) == [
        '{"role":"host","seat":1}',
        '{"role":"guest"}',
        '{"role":"host"}',
        None,
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a":1,"a":2}', "attributes has the key 'a' more than once"),
        ('{"a":NaN}', "attributes: attribute 'a' must be a finite number, not nan"),
        ('{"a":1e999}', "attributes: attribute 'a' must be a finite number, not inf"),
        ('{"a":9223372036854775808}', "attributes: attribute 'a' is a number beyond 64 bits: send it as a string"),
        ('{"a":{"b":1}}', "attributes: attribute 'a' must be a string, a number or a boolean, not an object"),
        ('{"a":[1]}', "attributes: attribute 'a' must be a string, a number or a boolean, not a list"),
        ('{"":1}', "attributes must not have an empty key"),
        ('{"a":"\\u0000"}', "attributes: the value of attribute 'a' contains the character U+0000: remove it"),
        ('{"a":"\\ud800"}', "attributes: the value of attribute 'a' contains half a character: send whole UTF-8"),
        ("[1]", 'attributes must be an object, like {"role": "host"}'),
        ("host", 'attributes must be a JSON object, like {"role": "host"}: Expecting value'),
        ('{"a":' * 9_000, "attributes must have string, number or boolean values, not nested ones"),
        (json.dumps({f"k{n}": n for n in range(257)}), "attributes must have at most 256 keys (max_attributes) [Received 257]"),
    ],
)  # fmt: skip
def test_an_object_that_is_invalid_is_refused_with_its_row(text, reason):
    assert error_with(JOIN, attributes=text).startswith(reason)


@pytest.mark.parametrize(
    ("values", "kind", "reason"),
    [
        ([float("inf")], pa.float64(), "attribute 'k' must be a finite number, not inf"),
        ([2**63], pa.uint64(), "attribute 'k' is a number beyond 64 bits"),
        (["a\0b"], pa.string(), "the value of attribute 'k' contains the character U+0000"),
        ([b"\xff"], pa.binary(), "is not UTF-8 text"),
        (["x" * 2_049], pa.string(), "value of 'k' must be at most 2048 characters [Received 2,049]"),
    ],
)
def test_a_value_of_a_column_that_is_invalid_is_refused_with_its_row(values, kind, reason):
    good = table(JOIN).append_column("attributes.k", pa.array([None], kind))
    source = pa.concat_tables([good, with_column(values, kind, "attributes.k")], promote_options="permissive")
    message = error_of(source)
    assert message.startswith("the events, row 2: attributes.k")
    assert reason in message


def test_a_key_twice_in_a_map_or_an_empty_one_is_refused_with_its_row():
    values = [[("a", "1")], [("a", "1"), ("a", "2")], [("", "x")]]
    assert error_of(with_column(values, MAP)) == (
        "the events, row 2: attributes has the key 'a' more than once (and 1 more invalid row)"
    )
    assert attributes_of(with_column(values, MAP), skip_invalid=True) == ['{"a":"1"}']


@pytest.mark.parametrize("name", ["attributes", "attributes.when"])
def test_a_column_of_another_type_is_refused_with_the_fix(name):
    rows = with_column([1], pa.timestamp("ms"), name)
    assert f"column '{name}' contains timestamp[ms], and must contain" in error_of(rows)
    assert ": cast it" in error_of(rows)


def test_a_nested_struct_is_refused_with_its_field():
    assert "column 'attributes.a' contains struct<b: int64>" in error_of(with_column([{"a": {"b": 1}}]))


def test_invalid_rows_are_skipped_and_collected_on_request():
    rows = with_column(['{"a":1}', '{"a":[]}', '{"a":2}'])
    assert attributes_of(rows, skip_invalid=True) == ['{"a":1}', '{"a":2}']


def test_an_end_has_no_object_and_is_not_concerned_by_columns():
    assert error_with(END, attributes='{"a":1}') == (
        "an 'end' applies to the whole room and has no attributes; send them with a join or a leave"
    )
    assert attributes_of(table(END | {"attributes": "{}", "attributes.customer": "acme"}, JOIN)) == [
        None,
        None,
    ]


def test_the_limits_of_a_server_apply_to_what_it_imports():
    limits = Limits(attributes=1, attribute_key_length=4, attribute_value_length=3)
    assert "attributes must have at most 1 keys (max_attributes) [Received 2]" in error_of(
        table(JOIN | {"attributes": '{"a":1}', "attributes.b": "x"}), limits=limits
    )
    assert "value of 'a' must be at most 3 characters" in error_of(
        table(JOIN | {"attributes.a": "long"}), limits=limits
    )
    assert "key 'longer'… must be at most 4 characters" in error_of(
        table(JOIN | {"attributes.longer": 1}), limits=limits
    )


def test_a_column_with_an_invalid_key_is_refused():
    assert (
        error_of(table(JOIN | {"attributes.": "x"})) == "the events: attributes. must not have an empty key"
    )


def test_csv_has_objects_and_columns_of_text(tmp_path):
    path = write_lines(
        tmp_path / "events.csv",
        "room,participant_id,kind,at,attributes,Attributes.role\n",
        'blue,p1,join,1769850000000,"{""seats"": 7}",host\n',
        "blue,p2,join,1769850000000,,7\n",
        "blue,,end,1769850000000,,host\n",
    )
    assert attributes_of(path) == ['{"role":"host","seats":7}', '{"role":"7"}', None]
    bad = write_lines(
        tmp_path / "bad.csv", "room,participant_id,kind,at,attributes\n", "blue,p1,join,1769850000000,host\n"
    )
    assert error_of(bad).startswith(f"{bad}, line 2: attributes must be a JSON object")


def test_ndjson_has_objects_and_keys_of_any_type(tmp_path):
    late = {"attributes.seats": 7, "attributes.vip": True, "attributes.é": 1.5}
    events = [
        JOIN | {"attributes": {"role": "host", "n": 1.0}},
        JOIN | {"attributes": json.dumps(ANN)},
        *[JOIN] * 150,
        JOIN | late | {"attributes": {"seats": 8, "role": "guest"}},
        JOIN | {"attributes.seats": "7", "attributes": None},
    ]
    found = attributes_of(write_ndjson(tmp_path / "events.ndjson", *events))
    assert found[:2] == ['{"n":1,"role":"host"}', CANONICAL]
    assert found[2:-2] == [None] * 150
    assert found[-2:] == ['{"role":"guest","seats":7,"vip":true,"é":1.5}', '{"seats":"7"}']


@pytest.mark.parametrize("lines", [1, 200])
def test_ndjson_with_a_quote_in_the_key_of_a_column_is_refused_with_the_fix(tmp_path, lines):
    path = write_ndjson(tmp_path / "events.ndjson", *[JOIN] * lines, JOIN | {'attributes.a"b': 1})
    assert error_of(path) == (
        f"""{path}: the key 'attributes.a"b' has a quote, a backslash or a control character: rename it, or put an attribute"""
        ' into an object "attributes"'
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('"attributes":{"a":1,"a":2}', "attributes has the key 'a' more than once"),
        ('"attributes":[]', 'attributes must be an object, like {"role": "host"}'),
        ('"attributes":7', 'attributes must be an object, like {"role": "host"}'),
        (
            '"attributes.a":{"b":1}',
            "attributes.a: attribute 'a' must be a string, a number or a boolean, not an object",
        ),
        ('"attributes.a":1e999', "attributes.a: attribute 'a' must be a finite number, not inf"),
    ],
)
def test_ndjson_that_is_invalid_is_refused_with_its_line(tmp_path, line, reason):
    event = json.dumps(JOIN)
    path = write_lines(tmp_path / "events.ndjson", f"{event}\n", f"{event[:-1]},{line}}}\n")
    assert error_of(path) == f"{path}, line 2: {reason}"


@pytest.mark.parametrize("row_group_size", [None, 1])
def test_parquet_has_all_forms(tmp_path, row_group_size):
    path = tmp_path / "events.parquet"
    for column in (
        pa.array([CANONICAL, None]),
        pa.array([ANN, None]),
        pa.array([CANONICAL, None]).dictionary_encode(),
    ):
        source = table(JOIN, LEAVE).append_column("attributes", column)
        source = source.append_column("attributes.role", pa.array(["guest", "host"]))
        pq.write_table(source, path, row_group_size=row_group_size)
        assert attributes_of(path) == [CANONICAL.replace("host", "guest"), '{"role":"host"}']
    pq.write_table(with_column([[("role", "host")], None], MAP), path, row_group_size=row_group_size)
    assert attributes_of(path) == ['{"role":"host"}', None]


def test_columns_are_mapped_by_key():
    rows = table(JOIN | {"account": "acme", "Role": "host", "attributes.role": "guest", "meta": '{"a":1}'})
    mapping = column_map({"attributes": "meta"}, attributes={"customer": "account", "role": "Role"})
    assert attributes_of(rows, mapping=mapping) == ['{"a":1,"customer":"acme","role":"host"}']
    texts = parse_map(["attributes=meta"], attributes=["customer=account", "role=Role"])
    assert texts == mapping


def test_ndjson_is_mapped_by_key(tmp_path):
    path = write_ndjson(
        tmp_path / "events.ndjson", JOIN | {"account": "acme", "meta": {"a": 1}}, JOIN | {"account": 7}
    )
    mapping = column_map({"attributes": "meta"}, attributes={"customer": "account", "who": "participant_id"})
    assert attributes_of(path, mapping=mapping) == [
        '{"a":1,"customer":"acme","who":"p1"}',
        '{"customer":7,"who":"p1"}',
    ]


def test_a_map_in_a_file_has_attributes(tmp_path):
    path = tmp_path / "map.toml"
    path.write_text('[attributes]\ncustomer = "account"\nrole = "job"\n')
    assert parse_map([str(path)], attributes=["role=Role"]).attributes == {
        "customer": "account",
        "role": "Role",
    }


@pytest.mark.parametrize("text", ["customer", "customer=", "=account"])
def test_an_incomplete_attribute_map_is_refused_with_an_example(text):
    with pytest.raises(BadInput, match="write --attribute KEY=COLUMN, like customer=account_name"):
        parse_map([], attributes=[text])


def test_a_mapped_column_that_is_missing_is_named_with_those_that_exist():
    assert error_of(table(JOIN), mapping=column_map(attributes={"customer": "acount"})) == (
        "the events: there is no column 'acount' for the attribute 'customer'; the columns are: room, participant_id, kind, at."
        " Correct --attribute (in Python: attributes={…})"
    )
