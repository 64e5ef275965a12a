-- name: select_next_notification_time
-- Served by pending_notifications_by_due.
select min(due_ms) from pending_notifications

-- name: select_due_notifications
-- Served by pending_notifications_by_due.
select domain, id, due_ms, room, start_ms, reason
from pending_notifications
where due_ms <= :now
order by due_ms, start_ms, domain, id
limit :limit

-- name: count_meeting_stays
select count(*)
from stays
where domain = :domain
  and room = :room
  and join_ms < :until
  and (leave_ms is null or leave_ms > :start)

-- name: select_message
-- Served by messages_by_id.
select position, domain, id, type, room, at_ms, created_ms, payload
from messages
where domain = :domain
  and id = :id

-- name: select_room_messages
-- Served by messages_by_time.
select position, domain, id, type, room, at_ms, created_ms, payload
from messages
where created_ms >= :since
  and created_ms < :until
  and domain = :domain
  and room = :room
  and at_ms >= :start
  and at_ms <= :last
order by position
limit :limit

-- name: select_messages_start
select coalesce(min(position), 0) from messages

-- name: select_messages_end
select coalesce(max(position), 0) from messages

-- name: select_stream_domain
select position, seen_ms
from stream_domains
where domain = :domain

-- name: upsert_stream_domain
insert into stream_domains (domain, position, seen_ms)
values (:domain, (select coalesce(max(position), 0) from messages), :now)
on conflict (domain) do update
set seen_ms = excluded.seen_ms

-- name: delete_stream_domains
delete from stream_domains
where seen_ms < :before

-- name: delete_old_messages
-- Served by messages_by_time. The last message stays, so that positions are not assigned twice.
delete from messages
where created_ms < :before
  and position < (select max(position) from messages)

-- name: select_messages
select position, domain, id, type, room, at_ms, created_ms, payload
from messages
where position > :position
order by position
limit :limit

-- name: select_domain_messages
select position, domain, id, type, room, at_ms, created_ms, payload
from messages
where position > :position
  and domain = :domain
  and type in (:types)
order by position
limit :limit

-- name: count_domain_messages
select count(*)
from (
  select position
  from messages
  where position > :position
    and domain = :domain
    and type in (:types)
  limit :limit
) as following
