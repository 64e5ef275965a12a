-- name: select_stays_after
select domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name, attributes
from stays
where domain = :domain
  and room = :room
  and join_ms >= :start
  and join_ms < :until
  and (join_ms, participant_id) > (:after_join, :after_participant)
order by join_ms, participant_id
limit :limit

-- name: select_stays_before
select domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name, attributes
from stays
where domain = :domain
  and room = :room
  and join_ms >= :start
  and join_ms < :until
  and (join_ms, participant_id) < (:before_join, :before_participant)
order by join_ms desc, participant_id desc
limit :limit

-- name: select_participant_joins
select join_ms
from stays
where domain = :domain
  and room = :room
  and join_ms >= :start
  and join_ms < :until
  and participant_id = :participant_id
order by join_ms

-- name: select_stay
select domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name, attributes
from stays
where domain = :domain
  and room = :room
  and join_ms = :join
  and participant_id = :participant_id

-- name: select_participants_after
select distinct participant_id
from stays
where domain = :domain
  and room = :room
  and join_ms >= :start
  and join_ms < :until
  and (join_ms, participant_id) > (:join, :participant_id)
  and participant_id in (:participant_ids)
