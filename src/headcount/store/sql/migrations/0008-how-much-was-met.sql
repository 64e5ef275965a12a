-- How much was met in each quarter of an hour (UTC) in meetings that are over: of each room, and of all rooms of a domain.
-- `in_before` are those who were in as it began; `steps` are joins and leaves in it, as JSON.

create table room_quarters (
  domain {text} not null,
  quarter bigint not null,
  room {text} not null,
  meetings integer not null,
  time_ms bigint not null,
  most integer not null,
  most_ms integer not null,
  in_before integer not null,
  steps {text} not null,
  primary key (domain, room, quarter)
) {clustered};

create index room_quarters_by_quarter on room_quarters (domain, quarter, room, meetings, time_ms, most);

create table domain_quarters (
  domain {text} not null,
  quarter bigint not null,
  meetings bigint not null,
  time_ms bigint not null,
  most integer not null,
  most_ms integer not null,
  in_before integer not null,
  primary key (domain, quarter)
) {clustered};

-- The steps of all rooms together are long, and seldom asked for.
create table domain_steps (
  domain {text} not null,
  quarter bigint not null,
  steps {text} not null,
  primary key (domain, quarter)
) {clustered};

-- Room by room, in periods of `scale` quarters: days, and thirty of them.
create table room_sums (
  domain {text} not null,
  scale integer not null,
  period bigint not null,
  room {text} not null,
  meetings bigint not null,
  time_ms bigint not null,
  most integer not null,
  primary key (domain, scale, period, room)
) {clustered};

-- Times of rooms in which something changed that is not in these tables yet: at first, all that there is, one week
-- after the other, since rooms that are gone through together share the quarters of their domain.
create table to_tally (
  number {position},
  domain {text} not null,
  room {text} not null,
  from_ms bigint not null,
  to_ms bigint not null
);

create index to_tally_by_domain on to_tally (domain, room);

insert into to_tally (domain, room, from_ms, to_ms)
select domain, room, min(start_ms), max(end_ms)
from meetings
where end_ms is not null
group by domain, start_ms / 604800000, room
order by domain, start_ms / 604800000, room;
