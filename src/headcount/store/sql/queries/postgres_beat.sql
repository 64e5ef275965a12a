update engine
set beat_ms = cast(extract(epoch from clock_timestamp()) * 1000 as bigint)
where epoch = :epoch
