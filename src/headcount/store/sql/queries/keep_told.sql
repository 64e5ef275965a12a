insert into told_meetings (domain, id, room, start_ms, end_ms, max_participants, participants, revisions)
values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict (domain, id) do update
set end_ms = excluded.end_ms,
  max_participants = excluded.max_participants,
  participants = excluded.participants,
  revisions = excluded.revisions
