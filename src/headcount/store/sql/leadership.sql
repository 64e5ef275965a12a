-- name: take_leadership
-- A live query that has reported in the last seconds is the engine.
update engine_state
set epoch = epoch + 1,
  leader_pid = pg_backend_pid(),
  heartbeat_ms = cast(extract(epoch from clock_timestamp()) * 1000 as bigint)
where not exists (
  select 1
  from cell_progress
  where reported_ms > cast(extract(epoch from clock_timestamp()) * 1000 as bigint) - :query_timeout_ms
)
returning epoch

-- name: take_part_of_leadership
-- Everything but the engine, which runs on a cluster and has begun the epoch.
update engine_state
set leader_pid = pg_backend_pid(),
  heartbeat_ms = cast(extract(epoch from clock_timestamp()) * 1000 as bigint)
returning epoch

-- name: update_heartbeat
update engine_state
set heartbeat_ms = cast(extract(epoch from clock_timestamp()) * 1000 as bigint)
where epoch = :epoch

-- name: terminate_silent_leader
select pg_terminate_backend(cast(leader_pid as integer))
from engine_state
where heartbeat_ms < cast(extract(epoch from clock_timestamp()) * 1000 as bigint) - :timeout_ms

-- name: try_lock
select pg_try_advisory_lock(:lock)

-- name: release_lock
select pg_advisory_unlock(:lock)
