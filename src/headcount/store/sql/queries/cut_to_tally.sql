update to_tally
set from_ms = ?
where number = ?
  and from_ms = ?
