update meetings
set end_ms = ?,
  max_participants = ?
where domain = ?
  and id = ?
