update rooms
set checkpoint = ?
where domain = ?
  and room = ?
