"""Values expire after their time to live, and their number is bounded."""

from headcount.ttl_cache import TtlCache


def test_a_value_is_valid_up_to_its_time_to_live():
    cache = TtlCache(1_000)
    cache.put("a", None, 5_000)
    assert cache.get("a", 6_000) == (None, 5_000)
    assert cache.get("a", 6_001) is None


def test_a_value_has_expired_when_the_clock_is_set_back():
    cache = TtlCache(1_000)
    cache.put("a", 1, 5_000)
    assert cache.get("a", 4_999) is None


def test_an_unknown_key_has_no_value():
    assert TtlCache(1_000).get("a", 0) is None


def test_a_full_cache_is_emptied():
    cache = TtlCache(1_000, max_entries=2)
    for key in "abc":
        cache.put(key, key, 0)
    assert [cache.get(key, 0) for key in "abc"] == [None, None, ("c", 0)]
