-- name: select_meeting
select domain, id, room, start_ms, end_ms, max_participants, carried_join_ms, carried_participant_id
from meetings
where domain = :domain
  and id = :id

-- name: select_meeting_at
-- Served by meetings_by_room.
select domain, id, room, start_ms, end_ms, max_participants, carried_join_ms, carried_participant_id
from (
  select domain, id, room, start_ms, end_ms, max_participants, carried_join_ms, carried_participant_id
  from meetings
  where domain = :domain
    and room = :room
    and start_ms / 1000 <= :at / 1000
    and start_ms <= :at
  order by start_ms / 1000 desc, start_ms desc
  limit 1
) as latest
where end_ms is null
  or end_ms > :at

-- name: select_superseded_meeting
select domain, id, room, start_ms, superseded_ms
from superseded_meetings
where domain = :domain
  and id = :id

-- name: select_superseded_ids
select id
from superseded_meetings
where domain = :domain
  and room = :room
  and start_ms >= :start
  and start_ms < :until
order by start_ms

-- name: select_longest_meeting
-- Served by meetings_by_duration.
select end_ms - start_ms
from meetings
where domain = :domain
  and end_ms is not null
order by end_ms - start_ms desc
limit 1

-- name: select_first_ongoing_meeting
-- Served by ongoing_meetings.
select start_ms
from meetings
where domain = :domain
  and end_ms is null
order by start_ms / 1000
limit 1

-- name: select_ongoing_meeting_ids
-- Served by ongoing_meetings: the last condition is always true, but SQLite would not use the index without it.
select room, id
from meetings
where domain = :domain
  and end_ms is null
  and start_ms / 1000 >= 0

-- name: count_meetings_by_day
select coalesce(sum(meetings), 0)
from meeting_counts
where domain = :domain
  and day >= :first
  and day < :until

-- name: select_corrections
-- Served by corrections_by_room.
select domain, room, corrected_ms, first_ms, last_ms, late_ms, reason, before_and_after
from corrections
where domain = :domain
  and room = :room
  and first_ms < :until
  and last_ms >= :start
order by number

-- name: select_overlapping_stays
-- Stays that count, and those that are pending now (R14).
select domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name, attributes
from stays
where domain = :domain
  and room = :room
  and join_ms > :after
  and join_ms < :until
  and (leave_ms is null or leave_ms > :start)
union all
select domain, room, join_ms, participant_id, null, null, user_id, user_name, attributes
from pending_stays
where domain = :domain
  and room = :room
  and join_ms < :until
order by join_ms, participant_id

-- name: select_user_stays
-- Served by stays_by_user.
select domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name, attributes
from stays
where domain = :domain
  and user_id = :user_id
  and user_id is not null
  and join_ms >= :since
order by join_ms
limit :limit

-- name: select_known_room
select room, created_ms
from rooms
where domain = :domain
  and room = :room
  and created_ms is not null

-- name: count_rooms
-- Served by rooms_by_creation.
select count(*)
from rooms
where domain = :domain
  and created_ms is not null

-- name: select_rooms_after
-- Served by rooms_by_creation.
select room, created_ms
from rooms
where domain = :domain
  and (created_ms, room) < (:created, :room)
order by created_ms desc, room desc
limit :limit

-- name: select_rooms_before
-- Served by rooms_by_creation.
select room, created_ms
from rooms
where domain = :domain
  and (created_ms, room) > (:created, :room)
order by created_ms, room
limit :limit

-- name: select_rooms_by_prefix
select room
from rooms
where domain = :domain
  and room >= :prefix
  and room < :prefix_end
order by room
limit :limit

-- name: select_users_by_prefix
-- Served by stays_by_user.
select distinct user_id
from stays
where domain = :domain
  and user_id is not null
  and user_id >= :prefix
  and user_id < :prefix_end
order by user_id
limit :limit

-- name: select_users
-- Served by stays_by_user, with one seek for each user.
with recursive users (user_id, number) as (
  select min(first.user_id), 1
  from stays as first
  where first.domain = :domain
    and first.user_id is not null
  union all
  select
    (
      select min(next.user_id)
      from stays as next
      where next.domain = :domain
        and next.user_id > users.user_id
        and next.user_id is not null
    ),
    users.number + 1
  from users
  where users.user_id is not null
    and users.number < :limit
)
select
  users.user_id,
  (
    select stays.user_name
    from stays
    where stays.domain = :domain
      and stays.user_id = users.user_id
    order by stays.join_ms desc
    limit 1
  )
from users
where users.user_id is not null
order by users.user_id

-- name: select_quarantined_rooms
-- Reads all deferred rooms, which are few.
select domain, room, position, reason, attempts, since_ms, retry_ms, release
from deferred_rooms
where domain = :domain
  and reason is not null
order by since_ms, room
limit :limit

-- name: select_stays_of_ranges
-- Stays that began within ranges of time in rooms, as one text, served by the primary key. SQLite releases the GIL at each
-- row of a result, and under load getting it back takes longer than the row.
with ranges (number, room, start_ms, until_ms, participant_id) as (
  values (?, ?, ?, ?, ?)
)
select cast(json_group_array(json_array(
  number, participant_id, user_id, user_name, join_ms, leave_ms, left_by, attributes
)) as text)
from (
  select r.number, s.participant_id, s.user_id, s.user_name, s.join_ms, s.leave_ms, s.left_by, s.attributes
  from ranges as r
  cross join stays as s
  where s.domain = ?
    and s.room = r.room
    and s.join_ms >= r.start_ms
    and s.join_ms < r.until_ms
    and (r.participant_id is null or s.participant_id = r.participant_id)
    and (cast(? as text) is null or s.user_id = ?)
  limit ?
) as found
