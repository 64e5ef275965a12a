-- Sources: which video servers may send events, how they fare, and what of theirs could not be read.

create table sources (
  token {text} primary key,
  kind {text} not null,
  domain {text} not null,
  name {text} not null,
  secrets {text} not null,
  options {text} not null,
  declared smallint not null,
  created_ms bigint not null,
  removed_ms bigint
);

create unique index sources_by_name on sources (domain, name)
where removed_ms is null;

create table source_tallies (
  token {text} not null,
  what {text} not null,
  number bigint not null,
  last_ms bigint not null,
  told {text},
  primary key (token, what)
) {clustered};

create table dead_letters (
  number {position},
  token {text} not null,
  digest {bytes} not null,
  received_ms bigint not null,
  url {text} not null,
  headers {text} not null,
  body {bytes} not null,
  reason {text} not null
);

create unique index dead_letters_by_digest on dead_letters (token, digest);

create table bystanders (
  domain {text} not null,
  room {text} not null,
  at_ms bigint not null,
  participant_id {text} not null,
  kind smallint not null,
  role {text} not null,
  user_id {text},
  user_name {text},
  token {text} not null,
  primary key (domain, room, at_ms, participant_id, kind)
) {clustered};
