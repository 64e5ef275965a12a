delete from meetings
where domain = ?
  and id = ?
