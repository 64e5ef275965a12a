-- name: select_presence
-- Open stays and pending ones (R14), merged in order. Served by open_stays and by the primary key of pending_stays.
select room, join_ms, participant_id, user_id, user_name
from stays
where domain = :domain
  and leave_ms is null
  and (room, join_ms, participant_id) > (:after_room, :after_join, :after_participant)
union all
select room, join_ms, participant_id, user_id, user_name
from pending_stays
where domain = :domain
  and (room, join_ms, participant_id) > (:after_room, :after_join, :after_participant)
order by 1, 2, 3
limit :limit

-- name: select_room_presence
-- Served as select_presence is.
select room, join_ms, participant_id, user_id, user_name
from stays
where domain = :domain
  and room = :room
  and leave_ms is null
union all
select room, join_ms, participant_id, user_id, user_name
from pending_stays
where domain = :domain
  and room = :room
order by 2, 3

-- name: select_presence_with_attributes
-- The same with attributes, for which rows are looked up.
select room, join_ms, participant_id, user_id, user_name, attributes
from stays
where domain = :domain
  and leave_ms is null
  and (room, join_ms, participant_id) > (:after_room, :after_join, :after_participant)
union all
select room, join_ms, participant_id, user_id, user_name, attributes
from pending_stays
where domain = :domain
  and (room, join_ms, participant_id) > (:after_room, :after_join, :after_participant)
order by 1, 2, 3
limit :limit

-- name: select_room_presence_with_attributes
-- Served by open_stays: a single select would read all stays of the room, and so would another order of the join.
select s.room, s.join_ms, s.participant_id, s.user_id, s.user_name, s.attributes
from (
  select domain, room, join_ms, participant_id
  from stays
  where domain = :domain
    and room = :room
    and leave_ms is null
) as present
cross join stays as s
where s.domain = present.domain
  and s.room = present.room
  and s.join_ms = present.join_ms
  and s.participant_id = present.participant_id
union all
select room, join_ms, participant_id, user_id, user_name, attributes
from pending_stays
where domain = :domain
  and room = :room
order by 2, 3

-- name: select_attributes_of_present
-- Served by open_stays: rows are looked up for these participants only, as above.
select s.room, s.participant_id, s.attributes
from (
  select domain, room, join_ms, participant_id
  from stays
  where domain = :domain
    and leave_ms is null
    and room in (:rooms)
    and participant_id in (:participant_ids)
) as present
cross join stays as s
where s.domain = present.domain
  and s.room = present.room
  and s.join_ms = present.join_ms
  and s.participant_id = present.participant_id
  and s.attributes is not null
union all
select room, participant_id, attributes
from pending_stays
where domain = :domain
  and room in (:rooms)
  and participant_id in (:participant_ids)
  and attributes is not null

-- name: select_open_stays
-- Stays that count. Served by open_stays.
select domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name, attributes
from stays
where domain = :domain
  and leave_ms is null
order by room, join_ms, participant_id

-- name: select_room_open_stays
-- Stays that count. Served as select_room_presence_with_attributes is.
select s.domain, s.room, s.join_ms, s.participant_id, s.leave_ms, s.left_by, s.user_id, s.user_name, s.attributes
from (
  select domain, room, join_ms, participant_id
  from stays
  where domain = :domain
    and room = :room
    and leave_ms is null
) as present
cross join stays as s
where s.domain = present.domain
  and s.room = present.room
  and s.join_ms = present.join_ms
  and s.participant_id = present.participant_id
order by s.join_ms, s.participant_id

-- name: select_oldest_open_stays
-- Served by open_stays, which has open stays only.
select domain, room, join_ms
from stays
where leave_ms is null
  and join_ms < :before
  and (:all_domains = 1 or domain = :domain)
order by join_ms
limit :limit

-- name: count_active_rooms
-- Served by open_stays and by the primary key of pending_stays.
select count(*)
from (
  select room
  from stays
  where domain = :domain
    and leave_ms is null
  union
  select room
  from pending_stays
  where domain = :domain
  limit :limit
) as open

-- name: select_active_rooms_by_prefix
-- Served by open_stays, rooms_by_deadline and the primary key of entries. Unprocessed entries count, too, unless they were inferred.
select room
from stays
where domain = :domain
  and leave_ms is null
  and substr(room, 1, length(:prefix)) = :prefix
union
select room
from rooms
where deadline_ms is not null
  and domain = :domain
  and substr(room, 1, length(:prefix)) = :prefix
union
select entries.room
from engine_state
join entries on entries.position > engine_state.cursor_position and entries.origin < 2
where entries.domain = :domain
  and substr(entries.room, 1, length(:prefix)) = :prefix
order by 1

-- name: select_rooms_of_session
-- Served by open_stays, rooms_by_deadline, entries_by_room and the primary key of entries. Unprocessed entries count, too, unless they were inferred.
select active.room
from (
  select room
  from stays
  where domain = :domain
    and leave_ms is null
  union
  select room
  from rooms
  where deadline_ms is not null
    and domain = :domain
) as active
join entries on entries.domain = :domain
  and entries.room = active.room
  and entries.at_ms >= :since
  and entries.source_session = :session
union
select entries.room
from engine_state
join entries on entries.position > engine_state.cursor_position and entries.origin < 2
where entries.domain = :domain
  and entries.source_session = :session
order by 1

-- name: select_room_exists
-- Served by entries_by_room and the primary key of rooms. On a cluster, the table has no entries.
select 1
from entries
where domain = :domain
  and room = :room
union all
select 1
from rooms
where domain = :domain
  and room = :room
limit 1

-- name: select_source_presence
-- Served by the primary key of source_rooms and by open_stays.
select stays.room, stays.participant_id, stays.join_ms
from stays
join source_rooms on source_rooms.token = :token and source_rooms.room = stays.room
where stays.domain = :domain
  and stays.leave_ms is null

-- name: select_events_since
-- Served by entries_by_room.
select participant_id, kind, at_ms, received_ms, inferred, source_session
from entries
where domain = :domain
  and room = :room
  and at_ms >= :since
  and kind < 4
order by at_ms

-- name: insert_source_room
insert into source_rooms (token, room)
values (?, ?)
on conflict (token, room) do nothing

-- name: select_active_rooms_among
-- Rooms that are or may be active: unprocessed entries count, too, unless they were inferred.
select room
from stays
where leave_ms is null
  and domain = :domain
  and room in (:rooms)
union
select room
from rooms
where deadline_ms is not null
  and domain = :domain
  and room in (:rooms)
union
select room
from engine_state
join entries on position > cursor_position and origin < 2
where domain = :domain
  and room in (:rooms)
