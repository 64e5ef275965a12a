insert into passes (digest, kind, domain, role, name, key_id, created_ms, expires_ms)
values (:digest, :kind, :domain, :role, :name, :key_id, :created, :expires)
