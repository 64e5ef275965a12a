-- How many meetings of a domain began on each day (UTC), so that counting them needs no look at each.

create table meeting_tallies (
  domain {text} not null,
  day bigint not null,
  meetings bigint not null,
  primary key (domain, day)
) {clustered};

insert into meeting_tallies (domain, day, meetings)
select domain, start_ms / 86400000, count(*)
from meetings
group by domain, start_ms / 86400000;

-- How long the longest meeting was: none that began so long before a window ran into it.
create index meetings_by_length on meetings (domain, (end_ms - start_ms))
where end_ms is not null;
