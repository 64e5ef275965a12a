-- name: select_cursor
select cursor_position, epoch
from engine_state

-- name: advance_cursor
update engine_state
set cursor_position = :cursor
where epoch = :epoch

-- name: set_cursor
update engine_state
set cursor_position = :cursor

-- name: increment_epoch
update engine_state
set epoch = epoch + 1

-- name: touch_engine_state
-- Changes nothing: the commit shows whether the store can be written.
update engine_state
set epoch = epoch
where singleton = 1

-- name: select_rules
select rules
from engine_state

-- name: update_rules
update engine_state
set rules = :rules

-- name: select_inferred_after
-- Served by entries_by_room.
select kind, at_ms, participant_id, user_id, user_name, source_session, joined_ms, inferred, attributes
from entries
where domain = :domain
  and room = :room
  and at_ms > :after
  and position > :position
  and origin = :inferred
order by position

-- name: select_imported_until
-- Served by entries_by_room.
select max(at_ms)
from entries
where domain = :domain
  and room = :room
  and at_ms > :after
  and position <= :position
  and origin = :imported

-- name: select_deadlines
-- Served by rooms_by_deadline.
select deadline_ms, domain, room
from rooms
where deadline_ms is not null

-- name: select_room
select finalized_ms, deadline_ms, checkpoint
from rooms
where domain = :domain
  and room = :room

-- name: select_room_keys
select domain, room
from rooms
where (domain, room) > (:domain, :room)
order by domain, room
limit :limit

-- name: upsert_room
-- `created_ms` is the earliest time of all parts; a part without events has none.
insert into rooms (domain, room, finalized_ms, deadline_ms, created_ms)
values (?, ?, ?, ?, ?)
on conflict (domain, room) do update
set finalized_ms = excluded.finalized_ms,
  deadline_ms = excluded.deadline_ms,
  created_ms = case
    when excluded.created_ms < rooms.created_ms then excluded.created_ms
    else rooms.created_ms
  end

-- name: update_checkpoint
update rooms
set checkpoint = ?
where domain = ?
  and room = ?

-- name: upsert_mark
insert into marks (domain, room, at_ms, unconfirmed)
values (?, ?, ?, ?)
on conflict (domain, room, at_ms) do update
set unconfirmed = excluded.unconfirmed

-- name: delete_marks
delete from marks
where domain = ?
  and room = ?
  and at_ms > ?
  and at_ms <= ?

-- name: upsert_stay
-- Writes no row with another `user_id` than the stored one. SQLite would write `stays_by_user` again even if it is unchanged.
insert into stays (domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name, attributes)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (domain, room, join_ms, participant_id) do update
set leave_ms = excluded.leave_ms,
  left_by = excluded.left_by,
  user_name = excluded.user_name,
  attributes = excluded.attributes
where coalesce(stays.user_id, '') = coalesce(excluded.user_id, '')

-- name: upsert_stay_and_user
insert into stays (domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name, attributes)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (domain, room, join_ms, participant_id) do update
set leave_ms = excluded.leave_ms,
  left_by = excluded.left_by,
  user_id = excluded.user_id,
  user_name = excluded.user_name,
  attributes = excluded.attributes

-- name: delete_stay
delete from stays
where domain = ?
  and room = ?
  and join_ms = ?
  and participant_id = ?

-- name: upsert_pending_stay
insert into pending_stays (domain, room, join_ms, participant_id, user_id, user_name, attributes)
values (?, ?, ?, ?, ?, ?, ?)
on conflict (domain, room, join_ms, participant_id) do update
set user_id = excluded.user_id,
  user_name = excluded.user_name,
  attributes = excluded.attributes

-- name: delete_pending_stay
delete from pending_stays
where domain = ?
  and room = ?
  and join_ms = ?
  and participant_id = ?

-- name: upsert_meeting
insert into meetings (
  domain, id, room, start_ms, end_ms, max_participants, carried_join_ms, carried_participant_id
)
values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict (domain, id) do update
set end_ms = excluded.end_ms,
  max_participants = excluded.max_participants,
  carried_join_ms = excluded.carried_join_ms,
  carried_participant_id = excluded.carried_participant_id

-- name: delete_meeting
delete from meetings
where domain = ?
  and id = ?

-- name: update_meeting_progress
update meetings
set end_ms = ?,
  max_participants = ?
where domain = ?
  and id = ?

-- name: update_carried_stay
update meetings
set carried_join_ms = ?,
  carried_participant_id = ?
where domain = ?
  and id = ?

-- name: add_meeting_counts
insert into meeting_counts (domain, day, meetings)
values (?, ?, ?)
on conflict (domain, day) do update
set meetings = meeting_counts.meetings + excluded.meetings

-- name: upsert_superseded_meeting
insert into superseded_meetings (domain, id, room, start_ms, superseded_ms)
values (?, ?, ?, ?, ?)
on conflict (domain, id) do update
set superseded_ms = excluded.superseded_ms

-- name: insert_correction
insert into corrections (
  domain, room, corrected_ms, first_ms, last_ms, late_ms, reason, before_and_after
)
values (?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_pending_rollup
insert into pending_rollups (domain, room, from_ms, to_ms)
values (?, ?, ?, ?)

-- name: upsert_pending_notification
insert into pending_notifications (domain, id, due_ms, room, start_ms, reason)
values (?, ?, ?, ?, ?, ?)
on conflict (domain, id, due_ms) do update
set reason = coalesce(excluded.reason, pending_notifications.reason)

-- name: delete_pending_notification
delete from pending_notifications
where domain = ?
  and id = ?
  and due_ms = ?

-- name: upsert_published_meeting
insert into published_meetings (domain, id, room, start_ms, end_ms, max_participants, participants, revisions)
values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict (domain, id) do update
set end_ms = excluded.end_ms,
  max_participants = excluded.max_participants,
  participants = excluded.participants,
  revisions = excluded.revisions

-- name: insert_message
insert into messages (domain, id, type, room, at_ms, created_ms, payload)
values (?, ?, ?, ?, ?, ?, ?)
on conflict (domain, id) do nothing

-- name: select_subscribed_domains
-- Those with an endpoint for joins or leaves, or with a recent stream.
select domain
from stream_domains
union
select domain
from endpoints
where event_types like '%participant.%'

-- name: select_deferred_rooms
select domain, room, position, reason, attempts, since_ms, retry_ms, release
from deferred_rooms
order by retry_ms, domain, room

-- name: select_deferred_room
select domain, room, position, reason, attempts, since_ms, retry_ms, release
from deferred_rooms
where domain = :domain
  and room = :room

-- name: upsert_deferred_room
insert into deferred_rooms (domain, room, position, reason, attempts, since_ms, retry_ms, release)
values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict (domain, room) do update
set position = excluded.position,
  reason = excluded.reason,
  attempts = excluded.attempts,
  since_ms = excluded.since_ms,
  retry_ms = excluded.retry_ms,
  release = excluded.release

-- name: delete_deferred_room
delete from deferred_rooms
where domain = ?
  and room = ?

-- name: select_first_deferred_position
select min(position)
from deferred_rooms
where domain = :domain

-- name: select_received_after
-- Served by the primary key.
select received_ms
from entries
where position > :position
order by position
limit 1

-- name: select_overdue_deadline
-- Served by rooms_by_deadline. An engine that runs leaves no deadline behind.
select deadline_ms
from rooms
where domain = :domain
  and deadline_ms < :now
order by deadline_ms
limit 1
