-- name: select_minimal_domains
select domain, minimal, changed_ms
from minimal_domains
order by domain

-- name: upsert_minimal_domain
insert into minimal_domains (domain, minimal, changed_ms)
values (?, ?, ?)
on conflict (domain) do update
set minimal = excluded.minimal, changed_ms = excluded.changed_ms
where minimal_domains.minimal <> excluded.minimal

-- name: select_open_participants
-- Served by open_stays and the primary key of pending_stays.
select room, participant_id
from stays
where domain = :domain
  and leave_ms is null
union
select room, participant_id
from pending_stays
where domain = :domain
