-- Endpoints: who is told, up to where the outbox was taken up for each, what waits or is parked, and every attempt.

create table endpoints (
  uuid {text} primary key,
  domain {text} not null,
  url {text} not null,
  secrets {text} not null,
  basic_auth {text},
  retry_type {text} not null,
  event_types {text} not null,
  state {text} not null,
  failed_count integer not null,
  last_pushed_ms bigint,
  position bigint not null,
  changes bigint not null,
  created_ms bigint not null,
  updated_ms bigint not null
);

create index endpoints_by_domain on endpoints (domain, created_ms);

-- Messages up to an endpoint's position that are not delivered. `asked` grows when one is asked for again, so that
-- word of an earlier delivery of it does not take it away.

create table deliveries (
  endpoint {text} not null,
  domain {text} not null,
  position bigint not null,
  room {text} not null,
  attempts integer not null,
  next_at_ms bigint not null,
  parked smallint not null,
  asked bigint not null,
  reason {text},
  primary key (endpoint, position)
) {clustered};

create table attempts (
  number {position},
  endpoint {text} not null,
  domain {text} not null,
  position bigint not null,
  message_id {text} not null,
  at_ms bigint not null,
  delivered smallint not null,
  status integer,
  latency_ms integer not null,
  answer {text} not null,
  error {text}
);

create index attempts_by_message on attempts (endpoint, position);

create index attempts_by_time on attempts (at_ms);
