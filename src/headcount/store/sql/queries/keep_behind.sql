insert into rooms_behind (domain, room, position, reason, attempts, since_ms, retry_ms, release)
values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict (domain, room) do update
set position = excluded.position,
  reason = excluded.reason,
  attempts = excluded.attempts,
  since_ms = excluded.since_ms,
  retry_ms = excluded.retry_ms,
  release = excluded.release
