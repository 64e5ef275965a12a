-- name: insert_shard
insert into shards (shard, round, next_offset, time_ms)
values (?, ?, ?, ?)
on conflict (shard) do nothing

-- name: select_shards
select shard, round, next_offset, time_ms
from shards
order by shard

-- name: advance_shard
update shards
set round = :round,
  next_offset = :next_offset,
  time_ms = :time
where shard = :shard
  and round = :round - 1

-- name: end_load_of_shard
update shards
set round = ?,
  next_offset = ?,
  time_ms = ?
where shard = ?

-- name: select_loaded_room
select 1
from rooms
limit 1

-- name: select_own_entry
-- Origin 2 is inferred: all that a cluster has here. Others are at the beginning, if there are any.
select 1
from entries
where origin <> 2
order by position
limit 1

-- name: select_shard_round
select round
from shards
where shard = :shard

-- name: report_progress
update cell_progress
set reported_ms = :reported,
  processed_until_ms = case
    when processed_until_ms < :processed_until then :processed_until
    else processed_until_ms
  end,
  batches = batches + :batches,
  entries = entries + :entries,
  bad_records = bad_records + :bad_records,
  behind = :behind,
  rounds = rounds + :rounds,
  cached_rounds = cached_rounds + :cached_rounds

-- name: pass_inferred
-- What shards infer is processed when it is written, up to an event of a server that has an engine of its own. Queries that look for unprocessed entries must not read all of it.
update engine_state
set cursor_position = coalesce(
  (select min(position) - 1 from entries where position > cursor_position and origin < 2),
  (select max(position) from entries)
)
where cursor_position + :least < (select coalesce(max(position), 0) from entries)

-- name: select_progress
select reported_ms, processed_until_ms, batches, entries, bad_records, behind, rounds, cached_rounds
from cell_progress

-- name: select_cell_domains
select domains
from cell_progress

-- name: assign_domains
update cell_progress
set domains = :domains

-- name: forget_query
update cell_progress
set reported_ms = 0
where reported_ms <> 0

-- name: skip_inferred_entries
update engine_state
set cursor_position = coalesce((
  select max(position)
  from entries
  where position > cursor_position
    and origin = 2
), cursor_position)

-- name: select_occupancy
-- Served by open_stays.
select
  (
    select count(*)
    from (
      select domain, room from stays where leave_ms is null
      union
      select domain, room from pending_stays
    ) as occupied
  ),
  (select count(*) from stays where leave_ms is null) + (select count(*) from pending_stays),
  (select count(*) from deferred_rooms where reason is not null)
