insert into api_keys (id, domain, name, digest, scopes, created_ms)
values (:id, :domain, :name, :digest, :scopes, :created)
