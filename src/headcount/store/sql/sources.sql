-- name: insert_source
insert into sources (token, kind, domain, name, secrets, options, declared, created_ms)
values (:token, :kind, :domain, :name, :secrets, :options, :declared, :created)

-- name: restore_source
update sources
set kind = :kind, domain = :domain, name = :name, secrets = :secrets, options = :options, declared = :declared,
  created_ms = :created, removed_ms = null
where token = :token
  and removed_ms is not null

-- name: update_source
update sources
set kind = :kind, secrets = :secrets, options = :options, declared = :declared
where token = :token

-- name: remove_source
update sources
set removed_ms = :removed, secrets = '[]', options = '{}'
where token = :token
  and removed_ms is null

-- name: select_source
select token, kind, domain, name, secrets, options, declared, created_ms
from sources
where token = :token
  and removed_ms is null

-- name: select_sources
select token, kind, domain, name, secrets, options, declared, created_ms
from sources
where removed_ms is null
order by domain, name

-- name: select_source_secrets
select token, secrets, options
from sources
where removed_ms is null
order by token

-- name: update_source_secrets
update sources
set secrets = :secrets, options = :options
where token = :token
  and secrets = :old_secrets
  and options = :old_options

-- name: add_source_stats
insert into source_stats (token, metric, total, last_ms, detail)
values (?, ?, ?, ?, ?)
on conflict (token, metric) do update
set total = source_stats.total + excluded.total,
    last_ms = excluded.last_ms,
    detail = coalesce(excluded.detail, source_stats.detail)

-- name: select_source_stats
select token, metric, total, last_ms, detail
from source_stats

-- name: insert_dead_letter
insert into dead_letters (token, digest, received_ms, url, headers, body, reason)
values (?, ?, ?, ?, ?, ?, ?)
on conflict (token, digest) do nothing

-- name: select_dead_letters
select number, token, received_ms, url, headers, body, reason
from dead_letters
where number > :after
order by number
limit :limit

-- name: select_latest_dead_letters
-- Served by dead_letters_by_digest.
select received_ms, reason, substr(body, 1, 500)
from dead_letters
where token = :token
order by number desc
limit :limit

-- name: count_dead_letters
select token, count(*)
from dead_letters
group by token

-- name: delete_dead_letter
delete from dead_letters
where number = ?

-- name: insert_excluded_participant
insert into excluded_participants (domain, room, at_ms, participant_id, kind, role, user_id, user_name, token)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (domain, room, at_ms, participant_id, kind) do nothing

-- name: select_excluded_role
select role
from excluded_participants
where domain = :domain
  and room = :room
  and at_ms = :at
  and participant_id = :participant
  and kind = :join

-- name: select_excluded_participants
select room, at_ms, participant_id, kind, role, user_id, user_name
from excluded_participants
where domain = :domain
  and room = :room
  and at_ms >= :start
  and at_ms < :until
order by at_ms, participant_id
limit :limit
