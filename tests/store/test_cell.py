"""The rule of a cell: which domains it has, and what is refused for all others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.errors import BadInput
from headcount.store.cell import CellRule
from headcount.store.credentials import Role
from headcount.store.shard_sink import ShardSink
from headcount.store.sources import SourceRow
from support.engines import NEW_YEAR


@pytest.mark.parametrize(
    ("rule", "has", "lacks"),
    [
        ("", ["acme", "school"], []),
        ("acme", ["acme"], ["acme-1", "xacme", "Acme", ""]),
        ("acme-*, school", ["acme-", "acme-1", "school"], ["acme", "schools"]),
        ("*,!acme-*,!school", ["acme", "other"], ["acme-1", "school"]),
        ("a.c,[x]", ["a.c", "[x]"], ["abc", "x"]),
        ("*-test", ["a-test", "a\nb-test"], ["a-test2"]),
    ],
)
def test_a_rule_has_the_domains_of_its_patterns(rule, has, lacks):
    cell = CellRule.decode(rule)
    assert all(cell.has(domain) for domain in has)
    assert not any(cell.has(domain) for domain in lacks)


@given(st.lists(st.from_regex(r"[a-c*-]{1,4}", fullmatch=True), min_size=1), st.text("abc-", max_size=5))
def test_a_domain_is_in_a_cell_or_in_the_one_with_all_others(patterns, domain):
    cell = CellRule(tuple(patterns))
    others = CellRule.decode(",".join(["*", *(f"!{pattern}" for pattern in patterns)]))
    assert cell.has(domain) is not others.has(domain)
    assert CellRule.decode(cell.encode()) == cell


def test_a_rule_that_only_excludes_is_refused():
    with pytest.raises(BadInput, match=r"write \*,!acme"):
        CellRule.decode("!acme")


def test_nothing_is_added_to_a_domain_of_another_cell(store):
    sink = ShardSink(store.database)
    assert sink.cell() == CellRule()
    sink.assign(CellRule.decode("acme-*"))
    message = r"the domain 'school' is not in this cell, which has the domains acme-\*"
    with pytest.raises(BadInput, match=message):
        store.keys.create("school", "App", ("ingest",), NEW_YEAR, "k" * 32)
    with pytest.raises(BadInput, match=message):
        store.sources.add(SourceRow("token", "livekit", "school", "lk", ("word",)))
    with pytest.raises(BadInput, match=message):
        store.access_tokens.create_link("school", Role.ADMIN, "Link", NEW_YEAR, "s" * 32)
    assert store.keys.domains() == []
    store.keys.create("acme-1", "App", ("ingest",), NEW_YEAR, "k" * 32)
    store.sources.add(SourceRow("token", "livekit", "acme-2", "lk", ("word",)))
    assert store.keys.domains() == ["acme-1", "acme-2"]
    store.sources.remove("token", NEW_YEAR)
    assert store.keys.domains() == ["acme-1"]
