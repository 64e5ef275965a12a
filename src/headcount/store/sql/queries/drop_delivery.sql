delete from deliveries
where endpoint = ?
  and position = ?
  and asked <= ?
