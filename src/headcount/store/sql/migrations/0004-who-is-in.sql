-- Who is in, everywhere: in order, and in SQLite with all that is told of them, so that no row is looked up.

create index stays_of_those_in on stays (domain, room, join_ms, participant_id{told_of_those_in})
where leave_ms is null;

drop index stays_that_last;
