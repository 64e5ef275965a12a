select p.digest, p.kind, p.domain, p.role, p.name, p.key_id, p.created_ms, p.expires_ms, p.about_kind, p.about, p.masked,
  p.parent, p.last_used_ms
from passes as p
where p.domain = :domain
  and p.kind = :kind
  and p.expires_ms > :now
  and (p.key_id is null or exists (select 1 from api_keys as k where k.id = p.key_id and k.revoked_ms is null))
  and (p.parent is null or exists (select 1 from passes as m where m.digest = p.parent))
order by p.created_ms desc, p.digest
