insert into source_tallies (token, what, number, last_ms, told)
values (?, ?, ?, ?, ?)
on conflict (token, what) do update
set number = source_tallies.number + excluded.number,
    last_ms = excluded.last_ms,
    told = coalesce(excluded.told, source_tallies.told)
