-- The log (entries) is the truth; all below it but the keys can be worked out again from it.
-- {position}, {bytes}, {clustered}: what the two databases call the same thing differently.

create table entries (
  position {position},
  domain {text} not null,
  room {text} not null,
  kind smallint not null,
  at_ms bigint not null,
  received_ms bigint not null,
  participant_id {text},
  user_id {text},
  user_name {text},
  source_session {text},
  joined_ms bigint,
  inferred {text},
  event_id {text},
  event_key {bytes} not null,
  origin smallint not null,
  listed {text}
);

create unique index entries_by_key on entries (domain, event_key);

create index entries_by_room on entries (domain, room, at_ms);

create index entries_by_join on entries (domain, room, joined_ms)
where joined_ms is not null;

create table rooms (
  domain {text} not null,
  room {text} not null,
  settled_ms bigint not null,
  deadline_ms bigint,
  checkpoint {text},
  primary key (domain, room)
) {clustered};

create index rooms_by_deadline on rooms (deadline_ms)
where deadline_ms is not null;

create table marks (
  domain {text} not null,
  room {text} not null,
  at_ms bigint not null,
  doubts {text},
  primary key (domain, room, at_ms)
) {clustered};

create table stays (
  domain {text} not null,
  room {text} not null,
  join_ms bigint not null,
  participant_id {text} not null,
  leave_ms bigint,
  left_by {text},
  user_id {text},
  user_name {text},
  primary key (domain, room, join_ms, participant_id)
) {clustered};

create index stays_that_last on stays (domain, room)
where leave_ms is null;

create index stays_by_user on stays (domain, user_id, join_ms)
where user_id is not null;

create table meetings (
  domain {text} not null,
  id {text} not null,
  room {text} not null,
  start_ms bigint not null,
  end_ms bigint,
  max_participants integer not null,
  carried_join_ms bigint,
  carried_participant_id {text},
  primary key (domain, id)
) {clustered};

create index meetings_by_start on meetings (domain, (start_ms / 1000), id);

create index meetings_by_room on meetings (domain, room, (start_ms / 1000), id);

create index meetings_that_last on meetings (domain, (start_ms / 1000), id)
where end_ms is null;

create table superseded (
  domain {text} not null,
  id {text} not null,
  room {text} not null,
  start_ms bigint not null,
  superseded_ms bigint not null,
  primary key (domain, id)
) {clustered};

create table corrections (
  number {position},
  domain {text} not null,
  room {text} not null,
  corrected_ms bigint not null,
  first_ms bigint not null,
  last_ms bigint not null,
  late_ms bigint not null,
  because {text} not null,
  before_and_after {text} not null
);

create index corrections_by_room on corrections (domain, room, first_ms);

create table engine (
  one smallint primary key check (one = 1),
  cursor_position bigint not null,
  epoch bigint not null,
  rules {text},
  leader bigint,
  beat_ms bigint
);

insert into engine (one, cursor_position, epoch) values (1, 0, 0);

create table api_keys (
  id {text} primary key,
  domain {text} not null,
  name {text} not null,
  digest {text} not null,
  scopes {text} not null,
  created_ms bigint not null,
  last_used_ms bigint,
  revoked_ms bigint
);
