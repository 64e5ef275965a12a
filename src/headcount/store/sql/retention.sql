-- name: upsert_retention_rule
insert into retention_rules (domain, pattern, names_days, events_days, meetings_days, updated_ms)
values (?, ?, ?, ?, ?, ?)
on conflict (domain, pattern) do update
set names_days = excluded.names_days,
    events_days = excluded.events_days,
    meetings_days = excluded.meetings_days,
    updated_ms = excluded.updated_ms

-- name: delete_retention_rule
delete from retention_rules
where domain = :domain
  and pattern = :pattern

-- name: select_retention_rules
select domain, pattern, names_days, events_days, meetings_days, updated_ms
from retention_rules
order by domain, pattern

-- name: insert_legal_hold
insert into legal_holds (domain, kind, subject, reason, created_ms, created_by)
values (:domain, :kind, :subject, :reason, :created, :created_by)
returning number

-- name: release_legal_hold
update legal_holds
set released_ms = :released, released_by = :released_by
where number = :number
  and domain = :domain
  and released_ms is null

-- name: select_legal_holds
-- Served by legal_holds_by_domain.
select number, domain, kind, subject, reason, created_ms, created_by, released_ms, released_by
from legal_holds
where domain = :domain
order by number

-- name: select_active_legal_holds
select number, domain, kind, subject, reason, created_ms, created_by, released_ms, released_by
from legal_holds
where released_ms is null
order by number

-- name: select_room_retention
select names_until_ms, events_until_ms, meetings_until_ms, frozen_ms, usage_until_ms
from room_retention
where domain = :domain
  and room = :room

-- name: restart_room_retention
-- What a hold protected expires when the rules are applied again from the beginning.
update room_retention
set names_until_ms = null, events_until_ms = null, meetings_until_ms = null
where domain = :domain

-- name: count_held_meetings_of_room
-- Served by meetings_by_room.
select count(*)
from meetings
where domain = :domain
  and room = :room

-- name: count_held_stays_of_user
-- Served by stays_by_user.
select count(*)
from stays
where domain = :domain
  and user_id = :user

-- name: count_expiring_entries
-- Served by entries_by_room.
select count(*)
from entries
where domain = :domain
  and room = :room
  and at_ms <= :until

-- name: count_expiring_stays
-- Served by the primary key of stays.
select count(*)
from stays
where domain = :domain
  and room = :room
  and join_ms <= :until
  and leave_ms <= :until

-- name: count_expiring_meetings
-- Served by meetings_by_room.
select count(*)
from meetings
where domain = :domain
  and room = :room
  and end_ms <= :until

-- name: select_domain_room_keys
-- Served by the primary key of rooms.
select room
from rooms
where domain = :domain
  and room > :room
order by room
limit :limit
