select digest, kind, domain, role, name, key_id, created_ms, expires_ms
from passes
where digest = :digest
