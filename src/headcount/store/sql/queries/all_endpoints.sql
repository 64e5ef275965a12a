select uuid, domain, url, secrets, basic_auth, retry_type, event_types, state, failed_count, last_pushed_ms,
       position, changes, created_ms, updated_ms
from endpoints
order by created_ms, uuid
