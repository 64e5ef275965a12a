insert into entries (
  domain, room, kind, at_ms, received_ms, participant_id, user_id, user_name, source_session,
  joined_ms, inferred, event_id, event_key, origin, listed
)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (domain, event_key) do nothing
