update api_keys
set last_used_ms = ?
where id = ?
