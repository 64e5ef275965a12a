select id, domain, name, digest, scopes, created_ms, last_used_ms, revoked_ms
from api_keys
order by domain, created_ms, id
