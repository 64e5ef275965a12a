delete from to_tell
where domain = ?
  and id = ?
  and due_ms = ?
