-- The outbox: what is to be told to the world, written in the commit of the fact, in the order in which it is told.

create table messages (
  position {position},
  domain {text} not null,
  id {text} not null,
  type {text} not null,
  room {text} not null,
  at_ms bigint not null,
  created_ms bigint not null,
  said {text} not null
);

create unique index messages_by_id on messages (domain, id);

create index messages_by_time on messages (created_ms);

-- What was told of each meeting, and what is to be looked at when it is due (rule 14).

create table told_meetings (
  domain {text} not null,
  id {text} not null,
  room {text} not null,
  start_ms bigint not null,
  end_ms bigint,
  max_participants integer not null,
  participants integer not null,
  revisions integer not null,
  primary key (domain, id)
) {clustered};

create table to_tell (
  domain {text} not null,
  id {text} not null,
  due_ms bigint not null,
  room {text} not null,
  start_ms bigint not null,
  because {text},
  primary key (domain, id, due_ms)
) {clustered};

create index to_tell_by_due on to_tell (due_ms);
