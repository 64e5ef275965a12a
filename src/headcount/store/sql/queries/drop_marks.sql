delete from marks
where domain = ?
  and room = ?
  and at_ms > ?
  and at_ms <= ?
