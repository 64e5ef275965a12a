select token, kind, domain, name, secrets, options, declared, created_ms
from sources
where removed_ms is null
order by domain, name
