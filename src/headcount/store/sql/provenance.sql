-- name: select_logged_events
-- Served by entries_by_room and entries_by_join. The events in (after, until], and the later leaves whose join is there (R1).
select position, received_ms, event_id, sender, digest, kind, at_ms, participant_id, user_id, user_name, source_session,
  joined_ms, inferred, attributes
from entries
where domain = :domain
  and room = :room
  and at_ms > :after
  and at_ms <= :until
  and kind < 4
union all
select position, received_ms, event_id, sender, digest, kind, at_ms, participant_id, user_id, user_name, source_session,
  joined_ms, inferred, attributes
from entries
where domain = :domain
  and room = :room
  and joined_ms > :after
  and joined_ms <= :until
  and at_ms > :until
order by 7, 1

-- name: select_key_senders
select id, name, revoked_ms
from api_keys
where domain = :domain

-- name: select_source_senders
select token, kind, name, removed_ms
from sources
where domain = :domain
