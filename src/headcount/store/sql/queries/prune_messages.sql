delete from messages
where created_ms < :before
  and position < (select max(position) from messages)
