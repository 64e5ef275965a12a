-- name: insert_erasure
insert into erasures (
  id, domain, mode, kind, attribute, digest, selector, until_ms, requested_ms, requested_by, state, finished_ms, counts, list_key
)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (id) do nothing

-- name: select_erasures
-- All of them: they are few.
select number, id, domain, mode, kind, attribute, digest, selector, until_ms, requested_ms, requested_by, state,
  finished_ms, counts, list_key
from erasures
order by number

-- name: select_erasures_version
-- Changes with each request and each change of a state.
select count(*), coalesce(max(number), 0), coalesce(sum(case when state = 'done' then 1 else 0 end), 0)
from erasures

-- name: update_erasure
update erasures
set state = :state,
  selector = :selector,
  finished_ms = :finished,
  counts = :counts
where number = :number

-- name: upsert_erased_participant
-- Somebody may be found again, as another user or until later: what was done before is done again.
insert into erased_participants (
  domain, room, pseudonym, erasure, state, users, user_pseudonym, until_ms, erased_ms, progress_ms, closed_ms, participant_id, texts
)
values (?, ?, ?, ?, 0, ?, ?, ?, ?, ?, null, ?, null)
on conflict (domain, room, pseudonym) do update
set erasure = excluded.erasure,
  state = 0,
  users = case
    when erased_participants.users = '' or excluded.users = '' then ''
    when erased_participants.users || ',' like '%' || excluded.users || ',%' then erased_participants.users
    else erased_participants.users || ',' || excluded.users
  end,
  user_pseudonym = excluded.user_pseudonym,
  until_ms = case
    when erased_participants.until_ms > excluded.until_ms then erased_participants.until_ms
    else excluded.until_ms
  end,
  erased_ms = case
    when erased_participants.state = 0 or erased_participants.closed_ms is null then erased_participants.erased_ms
    else erased_participants.closed_ms - 1
  end,
  progress_ms = excluded.progress_ms,
  closed_ms = null,
  participant_id = case
    when excluded.participant_id = excluded.pseudonym
      then coalesce(erased_participants.participant_id, excluded.participant_id)
    else excluded.participant_id
  end,
  texts = case when erased_participants.state = 2 then excluded.texts else erased_participants.texts end

-- name: select_erased_participants
select domain, room, pseudonym, erasure, state, users, user_pseudonym, until_ms, erased_ms, progress_ms, closed_ms, participant_id, texts
from erased_participants
where domain = :domain

-- name: select_unfinished_rooms
-- Served by unfinished_erased_participants. Rooms from which some are erased, and their earliest progress.
select domain, room, min(progress_ms)
from erased_participants
where state = 0
group by domain, room
order by domain, room
limit :limit

-- name: select_unfinished_participants
-- Served by unfinished_erased_participants.
select domain, room, pseudonym, erasure, state, users, user_pseudonym, until_ms, erased_ms, progress_ms, closed_ms, participant_id, texts
from erased_participants
where state = 0
  and domain = :domain
  and room = :room
  and progress_ms = :progress
limit :limit

-- name: select_participants_of_erasure
-- Served by unfinished_erased_participants.
select domain, room, pseudonym, erasure, state, users, user_pseudonym, until_ms, erased_ms, progress_ms, closed_ms, participant_id, texts
from erased_participants
where state < 2
  and erasure = :erasure

-- name: update_erased_participant
update erased_participants
set state = ?,
  until_ms = ?,
  erased_ms = ?,
  progress_ms = ?,
  closed_ms = ?,
  texts = ?
where domain = ?
  and room = ?
  and pseudonym = ?

-- name: update_erased_visit
update erased_participants
set until_ms = ?,
  closed_ms = ?
where domain = ?
  and room = ?
  and pseudonym = ?

-- name: finish_erased_participants
update erased_participants
set state = 2,
  participant_id = null,
  texts = null
where state = 1
  and erasure = :erasure

-- name: select_entry_times
-- Served by entries_by_room.
select at_ms
from entries
where domain = :domain
  and room = :room
  and at_ms > :after
order by at_ms
limit 1 offset :offset

-- name: select_first_mark_from
select at_ms
from marks
where domain = :domain
  and room = :room
  and at_ms >= :at
order by at_ms
limit 1

-- name: select_slice_entries
-- Served by entries_by_room.
select position, kind, at_ms, participant_id, user_id, user_name, source_session, joined_ms, inferred, event_id, event_key,
  origin, snapshot, attributes, digest, salt, commitment
from entries
where domain = :domain
  and room = :room
  and at_ms > :after
  and at_ms <= :until
  and (kind >= 3 or participant_id in (:participants))
order by at_ms, position

-- name: select_all_slice_entries
-- Served by entries_by_room.
select position, kind, at_ms, participant_id, user_id, user_name, source_session, joined_ms, inferred, event_id, event_key,
  origin, snapshot, attributes, digest, salt, commitment
from entries
where domain = :domain
  and room = :room
  and at_ms > :after
  and at_ms <= :until
order by at_ms, position

-- name: select_entry_at
select position, kind, at_ms, participant_id, user_id, user_name, source_session, joined_ms, inferred, event_id, event_key,
  origin, snapshot, attributes, digest, salt, commitment
from entries
where position = :position

-- name: select_same_key
-- Served by entries_by_key.
select 1
from entries
where domain = (select e.domain from entries as e where e.position = :position)
  and event_key = :key

-- name: select_visit_entries
-- Served by entries_by_room.
select kind, at_ms, joined_ms, source_session, inferred
from entries
where domain = :domain
  and room = :room
  and at_ms > :after
  and at_ms <= :until
  and (kind = 3 or participant_id = :participant)
order by at_ms, position

-- name: select_slice_stays
-- Served by the primary key.
select domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name, attributes
from stays
where domain = :domain
  and room = :room
  and join_ms > :after
  and join_ms <= :until
  and participant_id in (:participants)

-- name: select_all_slice_stays
-- Served by the primary key.
select domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name, attributes
from stays
where domain = :domain
  and room = :room
  and join_ms > :after
  and join_ms <= :until

-- name: select_room_pending_stays
select domain, room, join_ms, participant_id, user_id, user_name, attributes
from pending_stays
where domain = :domain
  and room = :room

-- name: select_carried_meetings
-- Served by meetings_by_room.
select id, carried_join_ms, carried_participant_id
from meetings
where domain = :domain
  and room = :room
  and start_ms / 1000 >= :after / 1000
  and carried_join_ms > :after
  and carried_join_ms <= :until

-- name: select_next_entries
-- Served by entries_by_room.
select kind, at_ms, joined_ms, source_session, inferred, participant_id
from entries
where domain = :domain
  and room = :room
  and at_ms > :after
  and (kind = 3 or participant_id in (:participants))
order by at_ms, kind = 3 desc, position
limit :limit

-- name: select_mark_at
select at_ms, unconfirmed
from marks
where domain = :domain
  and room = :room
  and at_ms = :at

-- name: select_empty_moments
select at_ms
from marks
where domain = :domain
  and room = :room
  and at_ms > :after
  and at_ms <= :until
order by at_ms

-- name: select_unconfirmed_marks
select at_ms, unconfirmed
from marks
where domain = :domain
  and room = :room
  and at_ms > :after
  and unconfirmed is not null

-- name: select_slice_excluded_participants
select room, at_ms, participant_id, kind, role, user_id, user_name, token
from excluded_participants
where domain = :domain
  and room = :room
  and at_ms > :after
  and at_ms <= :until

-- name: delete_excluded_participant
delete from excluded_participants
where domain = ?
  and room = ?
  and at_ms = ?
  and participant_id = ?
  and kind = ?

-- name: rewrite_entry
update entries
set participant_id = ?,
  user_id = ?,
  user_name = ?,
  attributes = ?,
  event_id = ?,
  event_key = ?,
  snapshot = ?,
  digest = ?,
  salt = ?,
  commitment = ?
where position = ?

-- name: delete_entry
delete from entries
where position = ?

-- name: select_messages_to_scrub
-- Served by the primary key.
select position, domain, id, type, room, payload
from messages
where position > :position
order by position
limit :limit

-- name: rewrite_message
update messages
set id = ?,
  payload = ?
where position = ?

-- name: rename_attempts_of_message
-- Served by attempts_by_message.
update attempts
set message_id = ?,
  response = ''
where endpoint in (select uuid from endpoints where domain = ?)
  and position = ?

-- name: select_attempts_to_scrub
-- Served by the primary key.
select number, domain, response, coalesce(error, '')
from attempts
where number > :number
order by number
limit :limit

-- name: clear_attempt
update attempts
set response = '',
  error = case when error is null then null else '' end
where number = ?

-- name: select_corrections_to_scrub
-- Served by the primary key.
select number, domain, room, before_and_after
from corrections
where number > :number
order by number
limit :limit

-- name: rewrite_correction
update corrections
set before_and_after = ?
where number = ?

-- name: select_dead_letters_to_scrub
-- Served by the primary key.
select d.number, d.url, d.headers, d.body, d.reason
from dead_letters as d
where d.number > :number
  and exists (select 1 from sources as s where s.token = d.token and s.domain = :domain)
order by d.number
limit :limit

-- name: select_details_to_scrub
-- Statistics of sources are few.
select t.token, t.metric, t.detail
from source_stats as t
join sources as s on s.token = t.token
where s.domain = :domain
  and t.detail is not null

-- name: clear_detail
update source_stats
set detail = null
where token = ?
  and metric = ?

-- name: select_reasons_to_scrub
select room, reason
from deferred_rooms
where domain = :domain
  and reason is not null

-- name: clear_reason
update deferred_rooms
set reason = ?
where domain = ?
  and room = ?

-- name: select_shares_with_numbers
select distinct digest
from share_participants
where domain = :domain

-- name: rename_share_participant
update share_participants
set participant = ?
where digest = ?
  and participant = ?

-- name: delete_share_participant
delete from share_participants
where digest = ?
  and participant = ?

-- name: delete_empty_attribute_counts
-- Served by the primary key: reads the counts of the domain.
delete from meeting_attribute_counts
where domain = :domain
  and meetings = 0
