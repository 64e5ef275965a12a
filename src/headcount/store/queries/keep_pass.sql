insert into passes (digest, kind, domain, role, name, key_id, created_ms, expires_ms, about_kind, about, masked)
values (:digest, :kind, :domain, :role, :name, :key_id, :created, :expires, :about_kind, :about, :masked)
