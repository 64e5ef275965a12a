update engine
set epoch = epoch + 1,
  leader = pg_backend_pid(),
  beat_ms = cast(extract(epoch from clock_timestamp()) * 1000 as bigint)
returning epoch
