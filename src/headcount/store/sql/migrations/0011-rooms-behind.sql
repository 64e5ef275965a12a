-- Rooms whose part of the log waits: their turn was over, or their work failed (then `reason` says why).

create table rooms_behind (
  domain {text} not null,
  room {text} not null,
  position bigint not null,
  reason {text},
  attempts integer not null,
  since_ms bigint not null,
  retry_ms bigint not null,
  release {text} not null,
  primary key (domain, room)
) {clustered};
