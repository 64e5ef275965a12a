-- name: select_room_retentions_exist
select 1
from room_retention
limit 1

-- name: select_frozen_rooms
select domain, room, frozen_ms
from room_retention
where frozen_ms is not null
order by domain, room

-- name: upsert_room_frozen
-- What is given stays given.
insert into room_retention (domain, room, frozen_ms, usage_until_ms)
values (?, ?, ?, ?)
on conflict (domain, room) do update
set frozen_ms = excluded.frozen_ms,
    usage_until_ms = excluded.usage_until_ms

-- name: select_participant_after
-- Served by entries_by_room.
select 1
from entries
where domain = :domain
  and room = :room
  and at_ms > :after
  and participant_id = :participant
limit 1

-- name: select_join_of_later_leave
-- Served by entries_by_join.
select min(joined_ms)
from entries
where domain = :domain
  and room = :room
  and joined_ms > :after
  and joined_ms <= :end
  and at_ms > :end

-- name: forget_entry_join
update entries
set joined_ms = null
where position = ?

-- name: upsert_room_names_expired
insert into room_retention (domain, room, names_until_ms)
values (?, ?, ?)
on conflict (domain, room) do update
set names_until_ms = excluded.names_until_ms

-- name: select_expired_corrections
-- Served by corrections_by_room.
select number, before_and_after
from corrections
where domain = :domain
  and room = :room
  and first_ms > :after
  and first_ms <= :until

-- name: update_correction
update corrections
set before_and_after = ?
where number = ?

-- name: update_room_expired
update room_retention
set events_until_ms = :events, meetings_until_ms = :meetings
where domain = :domain
  and room = :room

-- name: select_room_is_idle
-- Served by the primary keys and by open_stays. Whether nothing is due and nobody is in the room.
select 1
from rooms
where domain = :domain
  and room = :room
  and deadline_ms is null
  and not exists (
    select 1 from stays
    where domain = :domain and room = :room and leave_ms is null
  )
  and not exists (
    select 1 from pending_stays
    where domain = :domain and room = :room
  )

-- name: select_latest_mark
-- Served by the primary key of marks.
select at_ms, unconfirmed
from marks
where domain = :domain
  and room = :room
order by at_ms desc
limit 1

-- name: select_mark_until
-- Served by the primary key of marks.
select max(at_ms)
from marks
where domain = :domain
  and room = :room
  and at_ms <= :until

-- name: select_mark_since
-- Served by the primary key of marks.
select min(at_ms)
from marks
where domain = :domain
  and room = :room
  and at_ms >= :since

-- name: select_anything_between
-- Served by entries_by_room and the primary key of stays.
select 1
from entries
where domain = :domain
  and room = :room
  and at_ms > :after
  and at_ms <= :until
  and position <= :position
union all
select 1
from stays
where domain = :domain
  and room = :room
  and join_ms > :after
  and join_ms <= :until
limit 1

-- name: select_any_entry_until
-- Served by entries_by_room.
select 1
from entries
where domain = :domain
  and room = :room
  and at_ms <= :until
  and position <= :position
limit 1

-- name: select_any_stay_until
-- Served by the primary key of stays and by meetings_by_room.
select 1
from stays
where domain = :domain
  and room = :room
  and join_ms <= :until
union all
select 1
from meetings
where domain = :domain
  and room = :room
  and start_ms / 1000 <= :until / 1000
  and start_ms <= :until
limit 1

-- name: select_room_has_pending_work
-- Served by pending_rollups_by_domain, and by the primary keys of the other tables, which are small.
select 1
from pending_rollups
where domain = :domain
  and room = :room
  and from_ms <= :until
union all
select 1
from pending_notifications
where domain = :domain
  and room = :room
  and start_ms <= :until
union all
select 1
from deferred_rooms
where domain = :domain
  and room = :room
limit 1

-- name: select_held_meeting
select start_ms, coalesce(end_ms, 9223372036854775807)
from meetings
where domain = :domain
  and id = :id
  and room = :room

-- name: select_held_stays
-- Served by stays_by_user.
select join_ms, coalesce(leave_ms, 9223372036854775807)
from stays
where domain = :domain
  and user_id = :user
  and room = :room

-- name: delete_expired_entries
-- Served by entries_by_room.
delete from entries
where position in (
  select position
  from entries
  where domain = :domain
    and room = :room
    and at_ms > :after
    and at_ms <= :until
    and position <= :position
  order by at_ms
  limit :limit
)

-- name: delete_expired_excluded_participants
-- Served by the primary key of excluded_participants.
delete from excluded_participants
where domain = :domain
  and room = :room
  and at_ms > :after
  and at_ms <= :until

-- name: delete_expired_corrections
-- Served by corrections_by_room.
delete from corrections
where domain = :domain
  and room = :room
  and first_ms > :after
  and last_ms <= :until

-- name: select_expired_meetings
-- Served by meetings_by_room.
select id
from meetings
where domain = :domain
  and room = :room
  and start_ms / 1000 >= :after / 1000
  and start_ms / 1000 <= :until / 1000
  and start_ms > :after
  and end_ms <= :until
order by start_ms / 1000
limit :limit

-- name: select_expired_stays
-- Served by the primary key of stays.
select domain, room, join_ms, participant_id
from stays
where domain = :domain
  and room = :room
  and join_ms > :after
  and join_ms <= :until
  and leave_ms <= :until
order by join_ms
limit :limit

-- name: delete_expired_superseded_meetings
-- Served by superseded_meetings_by_room.
delete from superseded_meetings
where domain = :domain
  and room = :room
  and start_ms > :after
  and start_ms <= :until

-- name: delete_expired_marks
-- Served by the primary key of marks. Both bounds stay: events are replayed from them.
delete from marks
where domain = :domain
  and room = :room
  and at_ms > :after
  and at_ms < :until

-- name: delete_published_meeting
delete from published_meetings
where domain = ?
  and id = ?

-- name: select_given_meetings
-- Served by meetings_by_room.
select domain, id, room, start_ms, end_ms, max_participants, carried_join_ms, carried_participant_id
from meetings
where domain = :domain
  and room = :room
  and start_ms / 1000 <= :until / 1000
  and start_ms <= :until

-- name: select_given_stays
-- Served by the primary key of stays.
select domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name, attributes
from stays
where domain = :domain
  and room = :room
  and join_ms <= :until

-- name: select_given_marks
-- Served by the primary key of marks.
select at_ms, unconfirmed
from marks
where domain = :domain
  and room = :room
  and at_ms <= :until
order by at_ms

-- name: select_given_room
select finalized_ms, created_ms
from rooms
where domain = :domain
  and room = :room

-- name: select_old_messages
-- Served by messages_by_time: `|| ''` keeps the databases from the index by domain.
select position, room, at_ms, created_ms
from messages
where domain || '' = :domain
  and created_ms >= :created
  and created_ms < :before
  and (created_ms > :created or (created_ms = :created and position > :position))
order by created_ms, position
limit :limit

-- name: select_endpoint_ids
select uuid
from endpoints
where domain = :domain

-- name: delete_expired_message
delete from messages
where position = ?
  and position < (select max(position) from messages)

-- name: delete_expired_delivery
delete from deliveries
where endpoint = ?
  and position = ?

-- name: delete_expired_attempts
-- Served by attempts_by_message.
delete from attempts
where endpoint = ?
  and position = ?

-- name: delete_expired_dead_letters
-- Served by dead_letters_by_digest.
delete from dead_letters
where token in (select token from sources where domain = :domain)
  and received_ms < :before

-- name: clear_expired_source_details
update source_stats
set detail = null
where token in (select token from sources where domain = :domain)
  and detail is not null
  and last_ms < :before
