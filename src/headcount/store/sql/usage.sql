-- name: select_pending_rollups
-- Served by the primary key.
select number, domain, room, from_ms, to_ms
from pending_rollups
order by number
limit :limit

-- name: select_domain_pending_rollups
-- Served by pending_rollups_by_domain.
select room, from_ms, to_ms
from pending_rollups
where domain = :domain
  and coalesce(:room, room) = room
order by number
limit :limit

-- name: insert_all_pending_rollups
insert into pending_rollups (domain, room, from_ms, to_ms)
select domain, room, min(start_ms), max(end_ms)
from meetings
where end_ms is not null
group by domain, start_ms / 604800000, room
order by domain, start_ms / 604800000, room

-- name: insert_given_pending_rollups
insert into pending_rollups (domain, room, from_ms, to_ms)
select domain, room, min(quarter) * 900000, max(quarter) * 900000 + 899999
from given_quarters
group by domain, room
order by domain, room

-- name: insert_given_quarters
-- Served by the primary key of room_quarters.
insert into given_quarters (
  domain, quarter, room, meetings, participant_ms, peak_participants, peak_offset_ms, initial_participants, steps, parts
)
select domain, quarter, room, meetings, participant_ms, peak_participants, peak_offset_ms, initial_participants, steps, parts
from room_quarters
where domain = :domain
  and room = :room
  and quarter < :until
on conflict (domain, room, quarter) do nothing

-- name: select_any_given_quarter
select 1
from given_quarters
limit 1

-- name: select_given_quarters
select quarter, meetings, participant_ms, peak_participants, peak_offset_ms, initial_participants, steps, parts
from given_quarters
where domain = :domain
  and room = :room
  and quarter >= :first
  and quarter < :until

-- name: select_usage_given_until
select usage_until_ms
from room_retention
where domain = :domain
  and room = :room

-- name: shorten_pending_rollup
update pending_rollups
set from_ms = ?
where number = ?
  and from_ms = ?

-- name: delete_pending_rollup
delete from pending_rollups
where number = ?
  and from_ms = ?

-- name: select_room_quarters
select quarter, meetings, participant_ms, peak_participants, peak_offset_ms, initial_participants, steps, parts
from room_quarters
where domain = :domain
  and room = :room
  and quarter >= :first
  and quarter < :until

-- name: select_quarters_by_room
-- Served by room_quarters_by_quarter. Not grouped here: SQLite would read all rooms instead of these quarters.
select room, meetings, participant_ms, peak_participants
from room_quarters
where domain = :domain
  and quarter >= :first
  and quarter < :until
order by quarter

-- name: select_parts_by_room
-- Served by room_quarters_by_quarter.
select room, quarter, parts
from room_quarters
where domain = :domain
  and quarter >= :first
  and quarter < :until
  and parts is not null

-- name: select_room_totals
select room, cast(sum(meetings) as bigint), cast(sum(participant_ms) as bigint), max(peak_participants)
from room_totals
where domain = :domain
  and attribute = :attribute
  and value = :value
  and scale = :scale
  and period >= :first
  and period < :until
group by room

-- name: select_domain_quarters
select quarter, meetings, participant_ms, peak_participants, peak_offset_ms, initial_participants
from domain_quarters
where domain = :domain
  and attribute = :attribute
  and value = :value
  and quarter >= :first
  and quarter < :until

-- name: select_domain_sums
-- Sums of `length` quarters each. The last column is the peak, times the ms of a sum, plus the ms from the peak to the end
-- of the sum: the greatest has the highest peak, and of equal peaks the first.
select :first + (quarter - :first) / :length * :length,
  cast(sum(meetings) as bigint),
  cast(sum(participant_ms) as bigint),
  max(
    (peak_participants + 1) * (cast(:length as bigint) * 900000)
    - 1 - (quarter - :first) % :length * 900000 - peak_offset_ms
  )
from domain_quarters
where domain = :domain
  and attribute = :attribute
  and value = :value
  and quarter >= :first
  and quarter < :until
group by 1

-- name: select_quarters_by_value
-- Served by domain_quarters_by_quarter.
select value, quarter, meetings, participant_ms, peak_participants, peak_offset_ms
from domain_quarters
where domain = :domain
  and attribute = :attribute
  and quarter >= :first
  and quarter < :until
  and value <> ''

-- name: select_value_totals
select value, meetings, participant_ms, peak_participants, peak_ms
from value_totals
where domain = :domain
  and attribute = :attribute
  and scale = :scale
  and period >= :first
  and period < :until

-- name: select_attribute_in_use
select 1
from value_totals
where domain = :domain
  and attribute = :attribute
limit 1

-- name: select_usage_attributes
select attributes
from usage_attributes

-- name: update_usage_attributes
update usage_attributes
set attributes = :attributes

-- name: select_long_value
select value
from long_values
where domain = :domain
  and digest = :digest

-- name: upsert_long_value
insert into long_values (domain, digest, value)
values (?, ?, ?)
on conflict (domain, digest) do nothing

-- name: select_domain_steps
select quarter, steps
from domain_steps
where domain = :domain
  and attribute = :attribute
  and value = :value
  and quarter >= :first
  and quarter < :until

-- name: select_ended_meetings
-- Served by meetings_by_room, from the last meeting that started before.
select m.start_ms, m.end_ms, m.carried_join_ms, m.carried_participant_id
from meetings as m
where m.domain = :domain
  and m.room = :room
  and m.start_ms / 1000 >= coalesce((
    select max(k.start_ms / 1000)
    from meetings as k
    where k.domain = :domain
      and k.room = :room
      and k.start_ms / 1000 < :first / 1000
  ), 0)
  and m.start_ms / 1000 <= :until / 1000
  and m.start_ms < :until
  and m.end_ms > :first

-- name: select_ended_meeting_stays
-- Served by meetings_by_room and by the primary key of stays. SQLite evaluates cross joins in their order.
select m.start_ms, m.end_ms, s.join_ms, s.leave_ms, s.attributes
from meetings as m
cross join stays as s
where m.domain = :domain
  and m.room = :room
  and m.start_ms / 1000 >= coalesce((
    select max(k.start_ms / 1000)
    from meetings as k
    where k.domain = :domain
      and k.room = :room
      and k.start_ms / 1000 < :first / 1000
  ), 0)
  and m.start_ms / 1000 <= :until / 1000
  and m.start_ms < :until
  and m.end_ms > :first
  and s.domain = m.domain
  and s.room = m.room
  and s.join_ms >= m.start_ms
  and s.join_ms < m.end_ms

-- name: select_ongoing_meetings
-- Served by ongoing_meetings.
select room, start_ms, carried_join_ms, carried_participant_id
from meetings
where domain = :domain
  and end_ms is null
  and coalesce(:room, room) = room

-- name: select_ongoing_meeting_stays
-- Served by ongoing_meetings and by the primary key of stays.
select m.room, m.start_ms, s.join_ms, s.leave_ms, s.attributes
from meetings as m
cross join stays as s
where m.domain = :domain
  and m.end_ms is null
  and coalesce(:room, m.room) = m.room
  and s.domain = m.domain
  and s.room = m.room
  and s.join_ms >= m.start_ms

-- name: select_stays_in_meetings
-- Served by meetings_by_start and by the primary key of stays. `since` is before every meeting that overlaps the time.
select m.room, m.start_ms, m.end_ms, s.join_ms, s.leave_ms, s.attributes
from meetings as m
cross join stays as s
where m.domain = :domain
  and m.start_ms / 1000 >= :since / 1000
  and m.start_ms / 1000 <= :until / 1000
  and m.start_ms < :until
  and m.end_ms > :first
  and s.domain = m.domain
  and s.room = m.room
  and s.join_ms >= m.start_ms
  and s.join_ms < m.end_ms
limit :limit

-- name: select_carried_stays
-- The stays that continued into a meeting when a reset started it.
select m.room, m.start_ms, m.end_ms, s.join_ms, s.leave_ms, s.attributes
from meetings as m
cross join stays as s
where m.domain = :domain
  and m.start_ms / 1000 >= :since / 1000
  and m.start_ms / 1000 <= :until / 1000
  and m.start_ms < :until
  and m.end_ms > :first
  and s.domain = m.domain
  and s.room = m.room
  and s.join_ms = m.carried_join_ms
  and s.participant_id = m.carried_participant_id

-- name: insert_room_quarter
insert into room_quarters (
  domain, quarter, room, meetings, participant_ms, peak_participants, peak_offset_ms,
  initial_participants, steps, parts
)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: delete_room_quarter
delete from room_quarters
where domain = ?
  and quarter = ?
  and room = ?

-- name: insert_room_total
insert into room_totals (
  domain, attribute, value, scale, period, room, meetings, participant_ms, peak_participants
)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: add_up_room_quarters
insert into room_totals (
  domain, attribute, value, scale, period, room, meetings, participant_ms, peak_participants
)
select ?, ?, ?, ?, ?, ?, sum(meetings), sum(participant_ms), max(peak_participants)
from room_quarters
where domain = ?
  and room = ?
  and quarter >= ?
  and quarter < ?
group by domain, room

-- name: add_up_room_totals
-- A long period from the days in it, which are looked up one by one: all rooms of those days would be many.
insert into room_totals (
  domain, attribute, value, scale, period, room, meetings, participant_ms, peak_participants
)
with recursive days (n, until) as (
  select cast(? as bigint), cast(? as bigint)
  union all
  select n + 1, until
  from days
  where n + 1 < until
)
select
  t.domain, t.attribute, t.value, cast(? as integer), cast(? as bigint), t.room, sum(t.meetings),
  sum(t.participant_ms), max(t.peak_participants)
from days
cross join room_totals as t
where t.domain = ?
  and t.attribute = ?
  and t.value = ?
  and t.scale = 96
  and t.period = days.n
  and t.room = ?
group by t.domain, t.attribute, t.value, t.room

-- name: delete_room_total
delete from room_totals
where domain = ?
  and attribute = ?
  and value = ?
  and scale = ?
  and period = ?
  and room = ?

-- name: insert_domain_quarter
insert into domain_quarters (
  domain, attribute, value, quarter, meetings, participant_ms, peak_participants, peak_offset_ms,
  initial_participants
)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: delete_domain_quarter
delete from domain_quarters
where domain = ?
  and attribute = ?
  and value = ?
  and quarter = ?

-- name: insert_domain_steps
insert into domain_steps (domain, attribute, value, quarter, steps)
values (?, ?, ?, ?, ?)

-- name: delete_domain_steps
delete from domain_steps
where domain = ?
  and attribute = ?
  and value = ?
  and quarter = ?

-- name: delete_value_total
delete from value_totals
where domain = ?
  and attribute = ?
  and scale = ?
  and period = ?
  and value = ?

-- name: insert_value_total
insert into value_totals (
  domain, attribute, scale, period, value, meetings, participant_ms, peak_participants, peak_ms
)
select
  q.domain, q.attribute, cast(? as integer), cast(? as bigint), q.value, sum(q.meetings),
  sum(q.participant_ms), max(q.peak_participants), (
    select k.quarter * 900000 + k.peak_offset_ms
    from domain_quarters as k
    where k.domain = q.domain
      and k.attribute = q.attribute
      and k.value = q.value
      and k.quarter >= ?
      and k.quarter < ?
    order by k.peak_participants desc, k.quarter
    limit 1
  )
from domain_quarters as q
where q.domain = ?
  and q.attribute = ?
  and q.value = ?
  and q.quarter >= ?
  and q.quarter < ?
group by q.domain, q.attribute, q.value
