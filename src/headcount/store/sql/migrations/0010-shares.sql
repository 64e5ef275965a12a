-- Shares: links by which anybody looks at one meeting or one room, perhaps without learning who was in.

alter table passes add column about_kind {text};

alter table passes add column about {text};

alter table passes add column masked smallint not null default 0;

-- Which number somebody has within a share that shows no names, so that it stays the same.

create table share_people (
  digest {text} not null,
  person {text} not null,
  domain {text} not null,
  number integer not null,
  primary key (digest, person)
) {clustered};
