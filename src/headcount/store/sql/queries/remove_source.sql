update sources
set removed_ms = :removed
where token = :token
  and removed_ms is null
