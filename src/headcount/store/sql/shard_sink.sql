-- name: insert_shard
insert into shards (shard, round)
values (?, ?)
on conflict (shard) do nothing

-- name: select_shard_rounds
select shard, round
from shards
order by shard

-- name: advance_shard_round
update shards
set round = :round
where shard = :shard
  and round < :round

-- name: select_epoch
select epoch
from engine_state
