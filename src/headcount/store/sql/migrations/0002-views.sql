-- Views for other programs: docs/reference/sql-views.md is their contract. A view of a release never changes; a view `_v2`
-- is added beside it. A migration that changes a column below drops these views and creates them again.
-- {now_ms}, {time_of} ... {time_end}, {json}, {least} and {greatest} are what the two databases write differently.

create view meetings_v1 as
select
  m.domain,
  m.id,
  m.room,
  m.start_ms / 1000 as start_time,
  {time_of} m.start_ms {time_end} as started_at,
  {time_of} m.end_ms {time_end} as ended_at,
  {greatest}(coalesce(m.end_ms, {now_ms}) - m.start_ms, 0) / 1000 as duration,
  m.end_ms is null as ongoing,
  m.max_participants,
  (
    select count(1)
    from stays as s
    where s.domain = m.domain
      and s.room = m.room
      and s.join_ms >= m.start_ms
      and s.join_ms < coalesce(m.end_ms, 4611686018427387904)
  ) + (
    select count(1)
    from stays as c
    where c.domain = m.domain
      and c.room = m.room
      and c.join_ms = m.carried_join_ms
      and c.participant_id = m.carried_participant_id
      and (c.leave_ms is null or c.leave_ms > m.start_ms)
  ) as participants
from meetings as m;

-- Stays that began in a meeting, and those that a reset carried into one, both clipped to it (R7, R11). The last conditions
-- follow from the others: with them, `meetings_by_room` serves a filter by user.
create view participants_v1 as
select
  e.domain,
  e.meeting_id,
  e.room,
  e.start_time,
  e.participant_id,
  e.user_id,
  e.user_name,
  {least}(e.join_ms / 1000, e.shown_end) as join_time,
  {time_of} e.join_ms {time_end} as joined_at,
  {time_of} e.leave_ms {time_end} as left_at,
  {least}(
    {greatest}(coalesce(e.leave_ms, {now_ms}) - e.join_ms, 0) / 1000,
    e.shown_end - {least}(e.join_ms / 1000, e.shown_end)
  ) as duration,
  e.left_by,
  cast(coalesce(e.attributes, '{{}}') as {json}) as attributes
from (
  select
    m.domain,
    m.id as meeting_id,
    m.room,
    m.start_ms / 1000 as start_time,
    m.start_ms / 1000 + {greatest}(coalesce(m.end_ms, {now_ms}) - m.start_ms, 0) / 1000 as shown_end,
    s.participant_id,
    s.user_id,
    nullif(s.user_name, '') as user_name,
    s.join_ms,
    case when s.leave_ms <= m.end_ms then s.leave_ms else coalesce(m.end_ms, s.leave_ms) end as leave_ms,
    case when m.end_ms is null or s.leave_ms <= m.end_ms then s.left_by end as left_by,
    s.attributes
  from meetings as m
  join stays as s
    on s.domain = m.domain
    and s.room = m.room
    and s.join_ms >= m.start_ms
    and s.join_ms < coalesce(m.end_ms, 4611686018427387904)
    and m.start_ms / 1000 <= s.join_ms / 1000
    and m.start_ms / 1000 >= coalesce((
      select max(k.start_ms / 1000)
      from meetings as k
      where k.domain = s.domain
        and k.room = s.room
        and k.start_ms / 1000 < s.join_ms / 1000
    ), 0)
  union all
  select
    m.domain,
    m.id,
    m.room,
    m.start_ms / 1000,
    m.start_ms / 1000 + {greatest}(coalesce(m.end_ms, {now_ms}) - m.start_ms, 0) / 1000,
    s.participant_id,
    s.user_id,
    nullif(s.user_name, ''),
    m.start_ms,
    case when s.leave_ms <= m.end_ms then s.leave_ms else coalesce(m.end_ms, s.leave_ms) end,
    case when m.end_ms is null or s.leave_ms <= m.end_ms then s.left_by end,
    s.attributes
  from meetings as m
  join stays as s
    on s.domain = m.domain
    and s.room = m.room
    and s.join_ms = m.carried_join_ms
    and s.participant_id = m.carried_participant_id
    and (s.leave_ms is null or s.leave_ms > m.start_ms)
    and m.start_ms / 1000 >= s.join_ms / 1000
    and m.start_ms / 1000 <= coalesce(s.leave_ms, 4611686018427387904) / 1000
) as e;

-- Usage by quarters (UTC) is stored for ended meetings, apart from pending rollups. The hours of a room with pending rollups or
-- an ongoing meeting are computed from its meetings, unless retention has given them. Meetings of a room never overlap, so the
-- peak of a room is that of one of its meetings. All other hours are added up: a filter on `start_time` reads the quarters of
-- the domain, which are few, and then only those of the rooms in these hours.
create view usage_hourly_v1 as
with recursive
pending (domain, room, first_quarter, end_quarter) as (
  select
    domain,
    room,
    from_ms / 900000,
    {greatest}(from_ms / 900000 + 1, (to_ms + 899999) / 900000)
  from pending_rollups
),
computed_meetings (domain, room, id, start_ms, end_ms, ongoing) as (
  select domain, room, id, start_ms, {greatest}(start_ms, {now_ms}), 1
  from meetings
  where end_ms is null
  union
  select m.domain, m.room, m.id, m.start_ms, m.end_ms, 0
  from pending as p
  join meetings as m on m.domain = p.domain and m.room = p.room
  where m.start_ms / 1000 >= coalesce((
      select max(k.start_ms / 1000)
      from meetings as k
      where k.domain = p.domain
        and k.room = p.room
        and k.start_ms / 1000 < p.first_quarter * 900
    ), 0)
    and m.start_ms / 1000 < p.end_quarter * 900
    and m.end_ms > p.first_quarter * 900000
),
computed_hours (domain, room, first_hour, end_hour) as (
  select domain, room, first_quarter / 4, (end_quarter + 3) / 4
  from pending
  union
  select domain, room, start_ms / 3600000, end_ms / 3600000 + 1
  from computed_meetings
  where ongoing = 1
),
boundaries (domain, room, id, ongoing, at_ms, end_ms) as (
  select domain, room, id, ongoing, (start_ms / 900000 + 1) * 900000, end_ms
  from computed_meetings
  where (start_ms / 900000 + 1) * 900000 < end_ms
  union all
  select domain, room, id, ongoing, at_ms + 900000, end_ms
  from boundaries
  where at_ms + 900000 < end_ms
),
entries (domain, room, id, ongoing, join_ms, leave_ms) as (
  select m.domain, m.room, m.id, m.ongoing, s.join_ms, {least}(m.end_ms, coalesce(s.leave_ms, m.end_ms))
  from computed_meetings as m
  join stays as s
    on s.domain = m.domain
    and s.room = m.room
    and s.join_ms >= m.start_ms
    and s.join_ms < m.end_ms
  union all
  select m.domain, m.room, m.id, m.ongoing, m.start_ms, {least}(m.end_ms, coalesce(s.leave_ms, m.end_ms))
  from computed_meetings as m
  join meetings as k on k.domain = m.domain and k.id = m.id
  join stays as s
    on s.domain = k.domain
    and s.room = k.room
    and s.join_ms = k.carried_join_ms
    and s.participant_id = k.carried_participant_id
    and (s.leave_ms is null or s.leave_ms > k.start_ms)
),
changes (domain, room, id, ongoing, at_ms, difference) as (
  select domain, room, id, ongoing, join_ms, 1 from entries
  union all
  select domain, room, id, ongoing, leave_ms, -1 from entries
  union all
  select domain, room, id, ongoing, at_ms, 0 from boundaries
),
steps (domain, room, id, ongoing, at_ms, difference) as (
  select domain, room, id, ongoing, at_ms, sum(difference)
  from changes
  group by domain, room, id, ongoing, at_ms
),
present (domain, room, ongoing, at_ms, until_ms, participants) as (
  select
    domain,
    room,
    ongoing,
    at_ms,
    lead(at_ms) over (partition by domain, id order by at_ms),
    sum(difference) over (partition by domain, id order by at_ms)
  from steps
),
computed (domain, room, ongoing, quarter, meetings, participant_ms, peak_participants) as (
  select domain, room, ongoing, start_ms / 900000, 1, 0, 0
  from computed_meetings
  union all
  select domain, room, ongoing, at_ms / 900000, 0, participants * (until_ms - at_ms), participants
  from present
  where participants > 0
),
parts (domain, room, quarter, meetings, participant_ms, peak_participants) as (
  select distinct q.domain, q.room, q.quarter, q.meetings, q.participant_ms, q.peak_participants
  from computed_hours as h
  join room_quarters as q
    on q.domain = h.domain
    and q.room = h.room
    and q.quarter >= h.first_hour * 4
    and q.quarter < h.end_hour * 4
  where not exists (
      select 1
      from pending as p
      where p.domain = q.domain
        and p.room = q.room
        and p.first_quarter <= q.quarter
        and p.end_quarter > q.quarter
    )
  union all
  select g.domain, g.room, g.quarter, g.meetings, g.participant_ms, g.peak_participants
  from given_quarters as g
  join room_retention as r on r.domain = g.domain and r.room = g.room
  where g.quarter < r.usage_until_ms / 900000
    and exists (
      select 1
      from pending as p
      where p.domain = g.domain
        and p.room = g.room
        and p.first_quarter <= g.quarter
        and p.end_quarter > g.quarter
    )
  union all
  select c.domain, c.room, c.quarter, c.meetings, c.participant_ms, c.peak_participants
  from computed as c
  where c.ongoing = 1
    or (
      c.quarter >= coalesce((
        select r.usage_until_ms
        from room_retention as r
        where r.domain = c.domain
          and r.room = c.room
      ), 0) / 900000
      and exists (
        select 1
        from pending as p
        where p.domain = c.domain
          and p.room = c.room
          and p.first_quarter <= c.quarter
          and p.end_quarter > c.quarter
      )
    )
)
select
  d.domain,
  q.room,
  d.quarter / 4 * 3600 as start_time,
  {time_of} d.quarter / 4 * 3600000 {time_end} as hour,
  cast(sum(q.meetings) as bigint) as meetings,
  cast(sum(q.participant_ms) as bigint) / 1000 as participant_seconds,
  cast(sum(q.participant_ms) as double precision) / 60000 as participant_minutes,
  max(q.peak_participants) as max_participants
from domain_quarters as d
cross join room_quarters as q
where q.domain = d.domain
  and q.quarter = d.quarter
  and d.attribute = ''
  and d.value = ''
  and not exists (
    select 1
    from computed_hours as h
    where h.domain = q.domain
      and h.room = q.room
      and h.first_hour <= q.quarter / 4
      and h.end_hour > q.quarter / 4
  )
group by d.domain, q.room, d.quarter / 4
union all
select
  domain,
  room,
  quarter / 4 * 3600,
  {time_of} quarter / 4 * 3600000 {time_end},
  cast(sum(meetings) as bigint),
  cast(sum(participant_ms) as bigint) / 1000,
  cast(sum(participant_ms) as double precision) / 60000,
  max(peak_participants)
from parts
group by domain, room, quarter / 4;
