delete from rooms_behind
where domain = ?
  and room = ?
