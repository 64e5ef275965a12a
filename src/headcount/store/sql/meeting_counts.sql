-- name: add_ended_meeting_counts
insert into ended_meeting_counts (domain, period, minutes, max_participants, meetings)
values (?, ?, ?, ?, ?)
on conflict (domain, period, minutes, max_participants) do update
set meetings = ended_meeting_counts.meetings + excluded.meetings

-- name: count_ended_meetings
select coalesce(sum(meetings), 0)
from ended_meeting_counts
where domain = :domain
  and period >= :first
  and period < :until
  and minutes >= :minutes
  and max_participants >= :max_participants

-- name: count_meetings_within_minute
-- Served by meetings_by_duration alone.
select count(*)
from meetings
where domain = :domain
  and end_ms is not null
  and end_ms - start_ms >= :shortest
  and end_ms - start_ms < :longest
  and start_ms >= :first
  and start_ms < :until
  and max_participants >= :max_participants
