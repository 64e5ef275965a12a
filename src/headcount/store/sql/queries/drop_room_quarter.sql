delete from room_quarters
where domain = ?
  and quarter = ?
  and room = ?
