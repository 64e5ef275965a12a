select pg_terminate_backend(cast(leader as integer))
from engine
where beat_ms < cast(extract(epoch from clock_timestamp()) * 1000 as bigint) - :gone_ms
