insert into corrections (
  domain, room, corrected_ms, first_ms, last_ms, late_ms, because, before_and_after
)
values (?, ?, ?, ?, ?, ?, ?, ?)
