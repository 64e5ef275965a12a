delete from stays
where domain = ?
  and room = ?
  and join_ms = ?
  and participant_id = ?
