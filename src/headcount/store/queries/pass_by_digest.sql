select digest, kind, domain, role, name, key_id, created_ms, expires_ms, about_kind, about, masked
from passes
where digest = :digest
