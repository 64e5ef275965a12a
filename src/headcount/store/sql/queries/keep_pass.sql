insert into passes (
  digest, kind, domain, role, name, key_id, created_ms, expires_ms, about_kind, about, masked, parent, last_used_ms
)
values (
  :digest, :kind, :domain, :role, :name, :key_id, :created, :expires, :about_kind, :about, :masked, :parent, :last_used
)
