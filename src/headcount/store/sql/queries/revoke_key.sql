update api_keys
set revoked_ms = :revoked
where id = :id
  and revoked_ms is null
