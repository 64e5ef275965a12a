-- name: select_entries_about
-- Served by the primary key: reads the entries between two positions.
select position, room, participant_id, user_id, attributes, snapshot
from entries
where position > :after
  and position <= :until
  and domain || '' = :domain
  and (
    user_id = :user_id
    or participant_id = :participant_id
    or attributes like :pattern escape '\'
    or snapshot like :pattern escape '\'
  )
order by position
limit :limit

-- name: select_participants_of_user
-- Served by stays_by_user.
select room, participant_id
from stays
where domain = :domain
  and user_id = :user_id
  and user_id is not null
order by join_ms

-- name: select_stays_about
-- Reads the stays of the domain in the order of the primary key.
select room, join_ms, participant_id, user_id, attributes
from stays
where domain = :domain
  and (room, join_ms, participant_id) > (:room, :join, :participant)
  and (participant_id = :participant_id or attributes like :pattern escape '\')
order by room, join_ms, participant_id
limit :limit

-- name: select_people_of_stays
-- Reads the stays of the domain in the order of the primary key.
select room, join_ms, participant_id, user_id, attributes
from stays
where domain = :domain
  and (room, join_ms, participant_id) > (:room, :join, :participant)
order by room, join_ms, participant_id
limit :limit

-- name: select_domain_pending_stays
select room, join_ms, participant_id, user_id, user_name, attributes
from pending_stays
where domain = :domain

-- name: select_excluded_people
select distinct room, participant_id, user_id
from excluded_participants
where domain = :domain

-- name: select_participants_entries
-- Served by entries_by_room. Snapshots, if they are wanted, are those of the whole room.
select position, received_ms, origin, snapshot, sender, digest, event_id, kind, at_ms, participant_id, user_id, user_name,
  source_session, joined_ms, inferred, attributes
from entries
where domain = :domain
  and room = :room
  and at_ms >= :at
  and (at_ms > :at or position > :position)
  and (kind = :list_kind or participant_id in (:participant_ids))
order by at_ms, position
limit :limit

-- name: select_participants_stays
-- Served by the primary key.
select domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name, attributes
from stays
where domain = :domain
  and room = :room
  and (join_ms, participant_id) > (:join, :participant)
  and participant_id in (:participant_ids)
order by join_ms, participant_id
limit :limit

-- name: select_meetings_between
-- Served by meetings_by_room. The first meeting that runs then is the last one that started before it.
select domain, id, room, start_ms, end_ms, max_participants, carried_join_ms, carried_participant_id
from meetings
where domain = :domain
  and room = :room
  and start_ms / 1000 >= coalesce((
    select max(m.start_ms / 1000)
    from meetings as m
    where m.domain = :domain
      and m.room = :room
      and m.start_ms / 1000 < :first / 1000
  ), 0)
  and start_ms / 1000 <= :last / 1000
  and (start_ms / 1000 > :after_s or (start_ms / 1000 = :after_s and id > :after_id))
  and start_ms < :last
  and (end_ms is null or end_ms > :first)
order by start_ms / 1000, id
limit :limit

-- name: select_room_corrections
-- Served by corrections_by_room.
select number, domain, room, corrected_ms, first_ms, last_ms, late_ms, reason, before_and_after
from corrections
where domain = :domain
  and room = :room
  and first_ms >= :first
  and (first_ms > :first or number > :number)
order by first_ms, number
limit :limit

-- name: select_domain_excluded_participants
-- Served by the primary key.
select domain, room, at_ms, participant_id, kind, role, user_id, user_name, token
from excluded_participants
where domain = :domain
  and (room, at_ms, participant_id, kind) > (:room, :at, :participant, :kind)
order by room, at_ms, participant_id, kind
limit :limit
