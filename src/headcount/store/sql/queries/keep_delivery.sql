insert into deliveries (endpoint, domain, position, room, attempts, next_at_ms, parked, asked, reason)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (endpoint, position) do update
set attempts = excluded.attempts, next_at_ms = excluded.next_at_ms, parked = excluded.parked, reason = excluded.reason
where deliveries.asked <= excluded.asked
