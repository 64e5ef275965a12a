insert into meeting_tallies (domain, day, meetings)
values (?, ?, ?)
on conflict (domain, day) do update
set meetings = meeting_tallies.meetings + excluded.meetings
