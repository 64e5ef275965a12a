-- name: select_processed_until
-- What the engine has processed of all rooms of a domain: entries after the position of a deferred room are not.
select
  e.cursor_position,
  (select min(d.position) from deferred_rooms as d where d.domain = :domain),
  e.rules,
  e.generation
from engine_state as e

-- name: select_entry_before
-- Served by the primary key.
select position, received_ms
from entries
where position <= :position
order by position desc
limit 1

-- name: select_entry_received
select received_ms
from entries
where position = :position

-- name: select_events_have_expired
select 1
from room_retention
where events_until_ms is not null
limit 1

-- name: select_rooms_with_entries
-- Served by the primary key.
select room, min(case when joined_ms < at_ms then joined_ms else at_ms end)
from entries
where position > :after
  and position <= :until
  and domain = :domain
group by room

-- name: select_rooms_with_deadline
-- Served by rooms_by_deadline.
select room
from rooms
where deadline_ms is not null
  and domain = :domain

-- name: select_all_room_retentions
select room, names_until_ms, events_until_ms, meetings_until_ms
from room_retention
where domain = :domain

-- name: select_erasure_states
select number, state, finished_ms
from erasures
where domain = :domain

-- name: select_rooms_of_erasures
select distinct room
from erased_participants
where domain = :domain
  and erasure in (:erasures)

-- name: count_released_holds
-- Served by legal_holds_by_domain.
select count(released_ms)
from legal_holds
where domain = :domain

-- name: select_any_shard
select 1
from shards
limit 1
