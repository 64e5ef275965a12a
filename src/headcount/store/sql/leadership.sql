-- name: take_leadership
update engine
set epoch = epoch + 1,
  leader = pg_backend_pid(),
  beat_ms = cast(extract(epoch from clock_timestamp()) * 1000 as bigint)
returning epoch

-- name: update_heartbeat
update engine
set beat_ms = cast(extract(epoch from clock_timestamp()) * 1000 as bigint)
where epoch = :epoch

-- name: terminate_silent_leader
select pg_terminate_backend(cast(leader as integer))
from engine
where beat_ms < cast(extract(epoch from clock_timestamp()) * 1000 as bigint) - :gone_ms

-- name: try_leader_lock
select pg_try_advisory_lock(:lock)

-- name: release_leader_lock
select pg_advisory_unlock(:lock)
