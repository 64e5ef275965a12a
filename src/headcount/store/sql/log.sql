-- name: insert_entries
insert into entries (
  domain, room, kind, at_ms, received_ms, participant_id, user_id, user_name, source_session,
  joined_ms, inferred, event_id, event_key, origin, snapshot, attributes, sender, digest, salt
)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (domain, event_key) do nothing

-- name: insert_new_entries
insert into entries (
  domain, room, kind, at_ms, received_ms, participant_id, user_id, user_name, source_session,
  joined_ms, inferred, event_id, event_key, origin, snapshot, attributes, sender, digest, salt
)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: select_log_end
select coalesce(max(position), 0), coalesce(max(received_ms), 0)
from (select position, received_ms from entries order by position desc limit 1) as latest

-- name: select_entry_time
select at_ms
from entries
where domain = :domain
  and event_key = :event_key

-- name: select_entries
select position, domain, received_ms, origin, snapshot,
  case when kind = 4 then sender end, case when kind = 4 then digest end,
  case when kind = 4 then event_key end, room, kind, at_ms,
  participant_id, user_id, user_name, source_session, joined_ms, inferred, attributes
from entries
where position > :position
order by position
limit :limit

-- name: select_domain_entries
-- Served by the primary key: `|| ''` keeps the databases from the indexes by domain and room.
select position, domain, received_ms, origin, snapshot,
  case when kind = 4 then sender end, case when kind = 4 then digest end,
  case when kind = 4 then event_key end, room, kind, at_ms,
  participant_id, user_id, user_name, source_session, joined_ms, inferred, attributes
from entries
where position > :position
  and position <= :until
  and domain || '' = :domain
  and coalesce(:room, room || '') = room || ''
order by position
limit :limit

-- name: select_room_events
-- Served by entries_by_room.
select kind, at_ms, participant_id, user_id, user_name, source_session, joined_ms, inferred, attributes
from entries
where domain = :domain
  and room = :room
  and at_ms > :after
  and at_ms <= :until
  and position <= :position
  and kind < 4
order by at_ms

-- name: select_joins_of_later_leaves
-- Served by entries_by_join. Joins that later leaves know (R1).
select kind, at_ms, participant_id, user_id, user_name, source_session, joined_ms, inferred, attributes
from entries
where domain = :domain
  and room = :room
  and joined_ms > :after
  and joined_ms <= :until
  and at_ms > :until
  and at_ms <= :finalized
  and position <= :position

-- name: count_room_events
-- Served by entries_by_room.
select count(*)
from entries
where domain = :domain
  and room = :room
  and at_ms > :after
  and at_ms <= :until

-- name: select_any_entry
-- Served by entries_by_key and the primary key of rooms. On a cluster, the table has no entries.
select 1
from entries
where domain = :domain
union all
select 1
from rooms
where domain = :domain
limit 1
