-- name: insert_key
insert into api_keys (id, domain, name, digest, scopes, created_ms)
values (:id, :domain, :name, :digest, :scopes, :created)

-- name: select_key
select id, domain, name, digest, scopes, created_ms, last_used_ms, revoked_ms
from api_keys
where id = :id

-- name: select_keys
select id, domain, name, digest, scopes, created_ms, last_used_ms, revoked_ms
from api_keys
order by domain, created_ms, id

-- name: revoke_key
update api_keys
set revoked_ms = :revoked
where id = :id
  and revoked_ms is null

-- name: update_key_last_used
update api_keys
set last_used_ms = ?
where id = ?

-- name: select_store_secret
select secret
from store_secret

-- name: update_store_secret
update store_secret
set secret = :secret

-- name: insert_access_token
insert into access_tokens (
  digest, kind, domain, role, name, key_id, created_ms, expires_ms, subject_kind, subject, masked, parent, last_used_ms
)
values (
  :digest, :kind, :domain, :role, :name, :key_id, :created, :expires, :subject_kind, :subject,
  :masked, :parent, :last_used
)

-- name: select_access_token
select p.digest, p.kind, p.domain, p.role, p.name, p.key_id, p.created_ms, p.expires_ms, p.subject_kind,
  p.subject, p.masked,
  p.parent, p.last_used_ms
from access_tokens as p
where p.digest = :digest
  and (p.key_id is null or exists (select 1 from api_keys as k where k.id = p.key_id and k.revoked_ms is null))
  and (p.parent is null or exists (select 1 from access_tokens as m where m.digest = p.parent))

-- name: select_access_tokens
-- Served by access_tokens_by_domain.
select p.digest, p.kind, p.domain, p.role, p.name, p.key_id, p.created_ms, p.expires_ms, p.subject_kind,
  p.subject, p.masked,
  p.parent, p.last_used_ms
from access_tokens as p
where p.domain = :domain
  and p.kind = :kind
  and p.expires_ms > :now
  and (p.key_id is null or exists (select 1 from api_keys as k where k.id = p.key_id and k.revoked_ms is null))
  and (p.parent is null or exists (select 1 from access_tokens as m where m.digest = p.parent))
order by p.created_ms desc, p.digest

-- name: select_key_access_tokens
-- Reads all access tokens, which are few.
select digest, kind, expires_ms
from access_tokens
where key_id = :key_id

-- name: select_access_token_tree
-- Reads all access tokens, which are few.
with recursive ended (digest, kind, expires_ms) as (
  select digest, kind, expires_ms
  from access_tokens
  where digest = :digest
    and domain = :domain
    and kind in ('link', 'sign-in')
  union
  select p.digest, p.kind, p.expires_ms
  from access_tokens as p
  join ended as e on p.parent = e.digest
)
select digest, kind, expires_ms
from ended

-- name: update_access_token_last_used
update access_tokens
set last_used_ms = ?
where digest = ?

-- name: reparent_access_tokens
update access_tokens
set parent = (select s.parent from access_tokens as s where s.digest = :digest)
where parent = :digest

-- name: detach_share
update access_tokens
set key_id = null, parent = null
where digest = :digest

-- name: detach_children_of_expired
update access_tokens
set parent = null
where parent in (select digest from access_tokens where expires_ms <= :now)

-- name: delete_access_token
delete from access_tokens
where digest = :digest

-- name: delete_expired_access_tokens
delete from access_tokens
where expires_ms <= :now

-- name: delete_share
delete from access_tokens
where digest = :digest
  and domain = :domain
  and kind = 'share'

-- name: select_share_participants
select participant, number
from share_participants
where digest = :digest

-- name: insert_share_participant
insert into share_participants (digest, participant, domain, number)
values (?, ?, ?, ?)
on conflict (digest, participant) do nothing

-- name: delete_orphaned_share_participants
delete from share_participants
where digest not in (select digest from access_tokens)

-- name: lock_access_token
-- Changes nothing, and locks the row for this transaction.
update access_tokens
set masked = masked
where digest = :digest

-- name: select_domains
select domain
from api_keys
where revoked_ms is null
union
select domain
from sources
where removed_ms is null
order by 1
