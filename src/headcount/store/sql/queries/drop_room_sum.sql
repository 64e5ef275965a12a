delete from room_sums
where domain = ?
  and scale = ?
  and period = ?
  and room = ?
