delete from deliveries
where position < (select coalesce(min(position), 0) from messages)
   or endpoint not in (select uuid from endpoints)
