-- name: select_endpoints
select uuid, domain, url, secrets, basic_auth, retry_type, event_types, extensions, state, failed_count,
       last_pushed_ms, position, version, created_ms, updated_ms
from endpoints
order by created_ms, uuid

-- name: select_domain_endpoints
-- Served by endpoints_by_domain.
select uuid, domain, url, secrets, basic_auth, retry_type, event_types, extensions, state, failed_count,
       last_pushed_ms, position, version, created_ms, updated_ms
from endpoints
where domain = :domain
order by created_ms, uuid

-- name: select_endpoint
select uuid, domain, url, secrets, basic_auth, retry_type, event_types, extensions, state, failed_count,
       last_pushed_ms, position, version, created_ms, updated_ms
from endpoints
where uuid = :uuid

-- name: select_active_endpoint_versions
select uuid, version
from endpoints
where state = 'ACTIVE'

-- name: insert_endpoint
insert into endpoints (
  uuid, domain, url, secrets, basic_auth, retry_type, event_types, extensions, state, failed_count,
  position, version, created_ms, updated_ms
)
values (
  :uuid, :domain, :url, :secrets, :basic_auth, :retry_type, :event_types, :extensions, :state, 0,
  :position, 0, :created, :created
)

-- name: update_endpoint
update endpoints
set url = :url,
    secrets = :secrets,
    basic_auth = :basic_auth,
    retry_type = :retry_type,
    event_types = :event_types,
    extensions = :extensions,
    state = :state, failed_count = :failed_count, updated_ms = :updated, version = version + 1
where uuid = :uuid

-- name: select_endpoint_secrets
select uuid, version, secrets, basic_auth
from endpoints
order by uuid

-- name: update_endpoint_secrets
update endpoints
set secrets = :secrets, basic_auth = :basic_auth
where uuid = :uuid
  and version = :version

-- name: increment_endpoint_version
update endpoints
set version = version + 1
where uuid = :uuid

-- name: update_endpoint_progress
update endpoints
set position = case when position < :position then :position else position end,
    last_pushed_ms = coalesce(:last_pushed, last_pushed_ms)
where uuid = :uuid

-- name: update_endpoint_state
update endpoints
set state = :state, failed_count = :failed_count
where uuid = :uuid
  and version = :version

-- name: delete_endpoint
delete from endpoints where uuid = :uuid

-- name: delete_endpoint_deliveries
delete from deliveries where endpoint = :uuid

-- name: delete_endpoint_attempts
delete from attempts where endpoint = :uuid

-- name: select_pending_deliveries
select m.position, m.domain, m.id, m.type, m.room, m.at_ms, m.created_ms, m.payload, d.attempts,
  d.next_attempt_ms, d.generation
from deliveries d
join messages m on m.position = d.position
where d.endpoint = :endpoint
  and d.failed = 0
  and d.position > :after
order by d.position
limit :limit

-- name: count_deliveries
select endpoint, failed, count(*)
from deliveries
group by endpoint, failed

-- name: upsert_delivery
insert into deliveries (
  endpoint, domain, position, room, attempts, next_attempt_ms, failed, generation, reason
)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (endpoint, position) do update
set attempts = excluded.attempts,
    next_attempt_ms = excluded.next_attempt_ms,
    failed = excluded.failed,
    reason = excluded.reason
where deliveries.generation <= excluded.generation

-- name: delete_delivery
delete from deliveries
where endpoint = ?
  and position = ?
  and generation <= ?

-- name: reset_pending_deliveries
update deliveries
set attempts = 0, next_attempt_ms = 0
where endpoint = :uuid
  and failed = 0

-- name: delete_orphaned_deliveries
delete from deliveries
where position < (select coalesce(min(position), 0) from messages)
   or endpoint not in (select uuid from endpoints)

-- name: select_attempts
-- Served by attempts_by_message.
select endpoint, domain, position, message_id, at_ms, delivered, status, latency_ms, response, error
from attempts
where endpoint = :endpoint
  and position >= :first
  and position <= :last
order by position, at_ms

-- name: insert_attempt
insert into attempts (
  endpoint, domain, position, message_id, at_ms, delivered, status, latency_ms, response, error
)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: delete_old_attempts
-- Served by attempts_by_time.
delete from attempts where at_ms < :before

-- name: select_messages_by_position
select position, id, type, room, created_ms
from messages
where position in (:positions)
order by position desc

-- name: select_deliveries_by_position
select position, failed, next_attempt_ms, reason
from deliveries
where endpoint = :endpoint
  and position in (:positions)

-- name: select_attempts_by_position
-- Served by attempts_by_message.
select endpoint, domain, position, message_id, at_ms, delivered, status, latency_ms, response, error
from attempts
where endpoint = :endpoint
  and position in (:positions)
order by number desc

-- name: select_positions
-- Served by attempts_by_message and by the primary key of deliveries.
select position
from (
  select position
  from (
    select distinct position
    from attempts
    where endpoint = :endpoint
      and position < :before
    order by position desc
    limit :limit
  ) as attempted
  union
  select position
  from (
    select position
    from deliveries
    where endpoint = :endpoint
      and position < :before
    order by position desc
    limit :limit
  ) as undelivered
) as both_kinds
order by position desc
limit :limit

-- name: select_undelivered_positions
select position
from deliveries
where endpoint = :endpoint
  and position < :before
  and failed = :failed
order by position desc
limit :limit

-- name: select_delivered_positions
-- Served by attempts_by_message.
select distinct position
from attempts
where endpoint = :endpoint
  and position < :before
  and delivered = 1
  and position not in (select position from deliveries where endpoint = :endpoint)
order by position desc
limit :limit
