select digest, kind, expires_ms
from passes
where key_id = :key_id
