select token, kind, domain, name, secrets, options, declared, created_ms
from sources
where token = :token
  and removed_ms is null
