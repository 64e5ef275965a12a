-- Meetings and participants from join and leave events, as set operations only.
-- {events}, {meetings} and {participants} are the paths of Parquet files. Times are
-- milliseconds since the epoch until they are written. `end` events are not supported.

create type room_name as enum (select distinct room from '{events}' order by room);

-- From events to stays. Nearly every connection has one join and one leave, so that a
-- plain aggregate pairs them; only the others need to be looked at event by event.

create temp table connections as
select
  room::room_name as room,
  participant_id,
  first(user_id) as user_id,
  first(user_name) as user_name,
  epoch_ms(min("at") filter (kind = 'join')) as joined,
  epoch_ms(max("at") filter (kind = 'leave')) as gone,
  count(*) as events,
  count(*) filter (kind = 'join') as joins,
  joins = 1 and (events = 1 or (events = 2 and joined < gone)) as plain
from '{events}'
group by all;

create temp table clock as
select epoch_ms(max("at")) as as_of
from '{events}';

create temp table others as
select room, participant_id, user_id, user_name
from connections
where not plain;

create temp table stays as
with
  said as (
    select distinct room::room_name as room, participant_id, epoch_ms("at") as t, kind = 'join' as is_join
    from '{events}'
    semi join others using (participant_id)
  ),
  heard as (
    select room, participant_id, t, bool_and(is_join) as is_join
    from said
    group by all
    having count(*) = 1
  ),
  changes as (
    select *
    from heard
    qualify is_join <> coalesce(lag(is_join) over (partition by room, participant_id order by t), false)
  ),
  paired as (
    select *, lead(t) over (partition by room, participant_id order by t) as gone
    from changes
  ),
  all_stays as (
    select room, participant_id, user_id, user_name, joined, gone
    from connections
    where plain
    union all
    select room, participant_id, user_id, user_name, t, gone
    from paired
    join others using (room, participant_id)
    where is_join
  )
select *, gone is null and as_of - joined < 10_000 as pending
from all_stays, clock
where gone is null or gone - joined >= 10_000;

create temp table horizons as
select room, min(joined) as undecided
from stays
where pending
group by room;

-- The head count: one row for each instant at which it changes.

create temp table steps as
with
  moves as (
    select room, joined as t, 1 as change
    from stays
    where not pending
    union all
    select room, gone, -1
    from stays
    left join horizons using (room)
    where gone < coalesce(undecided, as_of + 1)
  ),
  instants as (
    select room, t, sum(change)::int as change
    from moves
    group by all
    having sum(change) <> 0
  )
select
  room,
  t,
  change,
  (sum(change::double) over over_time)::int as n,
  lead(t) over over_time as next_t,
  lead(change) over over_time as next_change
from instants
window over_time as (partition by room order by t);

-- Meetings: from the first join of a sitting, and from each reset, to the next reset or
-- the end of the sitting. One left alone for 600 s is reset exactly once.

create temp table spans as
with
  turns as (
    select room, t, n = 0 as is_end, false as is_reset
    from steps
    where n = 0 or n = change
    union all
    select room, t + 600_000, false, true
    from steps
    left join horizons using (room), clock
    where n = 1
      and change < 0
      and (
        coalesce(next_t, undecided, as_of + 1) > t + 600_000
        or (next_t = t + 600_000 and next_change > 0)
      )
  ),
  spans as (
    select room, t as start, is_end, is_reset, lead(t) over (partition by room order by t) as "end"
    from turns
  )
select
  row_number() over () as span,
  room,
  start,
  "end",
  is_reset,
  coalesce("end", undecided, as_of + 1) as until
from spans
left join horizons using (room), clock
where not is_end;

-- What belongs to a span is looked up by the room and the hour: joins by equality.

create temp table hours as
select span, room, start, until, unnest(range(start // 3_600_000, (until - 1) // 3_600_000 + 1)) as hour
from spans;

create temp table held as
with heads as (
  select span, max(n) as most
  from steps
  join hours on steps.room = hours.room and t // 3_600_000 = hour and t >= start and t < until
  where change > 0
  group by span
)
select span, room, start, "end", greatest(coalesce(most, 1), 1) as most
from spans
left join heads using (span)
where is_reset or most >= 2 or coalesce("end" - start >= 30_000, until - start > 30_000);

-- Entries: each stay in the span of its join, and again in each that a reset begins while it lasts.

create temp table entries as
with
  begun as (
    select stays.*, span
    from stays
    join hours on stays.room = hours.room and joined // 3_600_000 = hour and joined >= start and joined < until
    where not pending
  ),
  outlasting as (
    select begun.*
    from begun
    join spans using (span)
    where begun.gone > "end" or (begun.gone is null and "end" is not null)
  ),
  shown as (
    select * from begun
    union all
    select outlasting.* replace (spans.span as span)
    from outlasting
    join spans
      on spans.room = outlasting.room
      and spans.is_reset
      and spans.start > outlasting.joined
      and spans.start < coalesce(outlasting.gone, outlasting.as_of + 1)
  )
select
  span,
  held.room,
  held.start,
  participant_id,
  user_id,
  user_name,
  greatest(joined, held.start) as "join",
  case when gone > held."end" then held."end" else coalesce(gone, held."end") end as leave,
  case when gone <= coalesce(held."end", gone) then 'reported' end as left_by,
  as_of
from shown
join held using (span);

copy (
  with counts as (
    select span, count(*) as participants, sum(coalesce(leave, as_of) - "join") as participant_ms
    from entries
    group by span
  )
  select
    room::varchar as room,
    make_timestamptz(start * 1_000) as start,
    make_timestamptz("end" * 1_000) as "end",
    "end" is null as ongoing,
    most::int as max_participants,
    participants::int as participants,
    participant_ms::bigint as participant_ms
  from held
  join counts using (span)
  order by start, room
) to '{meetings}' (format parquet);

copy (
  select
    make_timestamptz(start * 1_000) as start,
    room::varchar as room,
    participant_id,
    user_id,
    user_name,
    make_timestamptz("join" * 1_000) as "join",
    make_timestamptz(leave * 1_000) as leave,
    left_by
  from entries
  order by start, room, "join", participant_id
) to '{participants}' (format parquet);
