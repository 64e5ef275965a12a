delete from attempts where at_ms < :before
