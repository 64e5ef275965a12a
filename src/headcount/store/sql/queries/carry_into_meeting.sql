update meetings
set carried_join_ms = ?,
  carried_participant_id = ?
where domain = ?
  and id = ?
