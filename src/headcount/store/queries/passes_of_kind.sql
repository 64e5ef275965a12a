select digest, kind, domain, role, name, key_id, created_ms, expires_ms, about_kind, about, masked
from passes
where domain = :domain
  and kind = :kind
  and expires_ms > :now
order by created_ms desc, digest
