delete from to_tally
where number = ?
  and from_ms = ?
