"""Query parameters: every spelling that clients send is accepted, for each parameter of each operation."""

from datetime import date
from fractions import Fraction

import pytest
from starlette.datastructures import QueryParams

from headcount.http import params
from headcount.http.app import OPERATIONS
from headcount.http.errors import ApiError
from headcount.http.params import Param
from headcount.http.routes import usage

TIMES = [
    ("1793491200", 1_793_491_200_000),
    ("1793491200.0", 1_793_491_200_000),
    ("1793491200.", 1_793_491_200_000),
    ("1793491200.1239999", 1_793_491_200_123),
    ("-0.0001", -1),
    ("1.7934912e+09", 1_793_491_200_000),
    ("1.7934912e 09", 1_793_491_200_000),
    ("2026-11-01T00:00:00Z", 1_793_491_200_000),
    ("2026-11-01T01:00:00 01:00", 1_793_491_200_000),
    ("2026-11-01 00:00:00 +0000", 1_793_491_200_000),
    ("2026-11-01 01:00:00,5  0100", 1_793_491_200_500),
    ("2026-11-01 01:00:00 01", 1_793_491_200_000),
    ("2026-11-01 00:00:00 UTC", 1_793_491_200_000),
]
WHOLE = [("5", 5), ("5.0", 5), ("5.", 5), ("5.000", 5), ("5e0", 5), ("0.5E1", 5)]
BOUNDS = [
    *WHOLE,
    ("4.001", 5),
    ("1793491200.0", 1_793_491_200),
    ("1793491199.5", 1_793_491_200),
    ("1.7934912e+09", 1_793_491_200),
    ("1.7934912E9", 1_793_491_200),
]
GROUPS = [("day", "day"), ("hour", "hour"), ("attribute.Customer", "attribute.Customer")]
SPELLINGS = {
    params.BOOLEAN: [
        *((text, True) for text in ("true", "True", "TRUE", "1", "yes", "Yes")),
        *((text, False) for text in ("false", "False", "FALSE", "0", "no", "NO")),
    ],
    params.BOUND: [*BOUNDS, ("-1.5", -1)],
    params.MINIMUM: BOUNDS,
    params.NON_NEGATIVE: [*WHOLE, ("0.0", 0)],
    params.POSITIVE: WHOLE,
    params.PAGE_SIZE: [*WHOLE, ("1e3", 100)],
    params.RATIO: [("0.5", Fraction(1, 2)), ("1", 1), ("1.0", 1), ("5e-1", Fraction(1, 2))],
    params.TIMESTAMP: TIMES,
    params.DATE_OR_TIMESTAMP: [*TIMES, ("2026-11-01", date(2026, 11, 1))],
    params.ORDER: [("asc", "asc"), ("ASC", "asc"), ("Desc", "desc")],
    params.ZONE: [("Europe/Berlin", "Europe/Berlin"), (" 02:00", "+02:00")],
    params.CURSOR: [("0", "0")],
    params.PLACE: [("OLDEST", "OLDEST")],
    usage.LIMIT.parser: [*WHOLE, ("1e5", 10_000)],
    usage.GROUP_BY_USAGE.parser: [*GROUPS, ("month", "month")],
    usage.GROUP_BY_CONCURRENCY.parser: GROUPS,
}
"""The texts that each parser accepts, with their values."""
REFUSED = {
    params.BOOLEAN: ["maybe", "2", "tru"],
    params.BOUND: ["today", "1e", "1,5", "0x10", "nan", "inf", "."],
    params.MINIMUM: ["-1", "-0.5", "few"],
    params.NON_NEGATIVE: ["-1", "1.5"],
    params.POSITIVE: ["0", "-5", "5.5", "0.5"],
    params.PAGE_SIZE: ["0", "-5", "5.5", "0.5", "ten"],
    params.RATIO: ["1.1", "-0.1", "half"],
    params.TIMESTAMP: ["noon", "2026-11-01T00:00:00"],
    params.DATE_OR_TIMESTAMP: ["noon", "2026-02-30"],
    params.ORDER: ["newest"],
    params.ZONE: ["\0"],
    params.CURSOR: ["not a cursor"],
    params.PLACE: ["\0"],
    usage.LIMIT.parser: ["0", "-5", "5.5", "ten"],
    usage.GROUP_BY_USAGE.parser: ["week", "attribute", "attribute.", "attribute.\0"],
    usage.GROUP_BY_CONCURRENCY.parser: ["month", "attribute", "attribute.", "attribute.\0"],
}
FILTERS = (params.TEXT, params.TEXTS, params.TEXT_LIST)
"""Filters on a text: an empty one is an error, because the answer would be about everything."""
PARAMS = [
    pytest.param(param, id=f"{operation.method} {operation.path} {param.name}")
    for operation in OPERATIONS
    for param in operation.params
    if isinstance(param, Param)
]


def is_enumeration(parser):
    schema = parser.schema.get("items", parser.schema)
    return "enum" in schema and parser not in SPELLINGS


@pytest.mark.parametrize("param", PARAMS)
def test_every_parameter_accepts_every_spelling_of_its_type(param):
    if param.parser in FILTERS:
        assert param.get({param.name: "any text"})
    elif not is_enumeration(param.parser):
        for text, value in SPELLINGS[param.parser]:
            assert param.get({param.name: text}) == value, text


@pytest.mark.parametrize("param", PARAMS)
def test_every_parameter_refuses_what_it_cannot_mean(param):
    for text in REFUSED.get(param.parser, ["no such value"] if is_enumeration(param.parser) else ["\0"]):
        with pytest.raises(ApiError) as refused:
            param.get({param.name: text})
        assert refused.value.status == 400
        assert f'"{param.name}"' in refused.value.info


@pytest.mark.parametrize("param", PARAMS)
def test_an_empty_parameter_is_absent_unless_it_filters_on_a_text(param):
    if param.parser in FILTERS:
        with pytest.raises(ApiError, match="not allowed to be empty"):
            param.get({param.name: ""})
    else:
        assert param.get({param.name: ""}) == param.default
        assert param.get_all(QueryParams([(param.name, "")])) == []


def test_conditions_on_attributes_are_read_by_key():
    query = QueryParams("attribute.role=host&room=a&attribute.cost.center=a%3Db&attribute.paying=true")
    assert params.attribute_filters(query) == (
        ("cost.center", "a=b"),
        ("paying", "true"),
        ("role", "host"),
    )
    assert params.attribute_filters(QueryParams("room=attribute.role")) == ()


@pytest.mark.parametrize(
    ("text", "info"),
    [
        ("attribute.role=", '"attribute.role" is not allowed to be empty'),
        ("attribute.role=a%00", '"attribute.role" must not contain U+0000'),
        ("attribute.role=host&attribute.role=guest", '"attribute.role" is given twice'),
        ("attribute.=host", '"attribute." is no attribute: write "attribute.KEY"'),
        ("attribute=host", '"attribute" is no attribute'),
        ("attributes.role=host", '"attributes.role" is no attribute'),
        ("attribute[role]=host", '"attribute[role]" is no attribute'),
        ("&".join(f"attribute.k{n}=1" for n in range(9)), "at most 8 attributes"),
    ],
)
def test_a_condition_that_cannot_be_meant_is_refused(text, info):
    with pytest.raises(ApiError) as refused:
        params.attribute_filters(QueryParams(text))
    assert refused.value.status == 400
    assert info in refused.value.info
