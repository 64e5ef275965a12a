insert into sources (token, kind, domain, name, secrets, options, declared, created_ms)
values (:token, :kind, :domain, :name, :secrets, :options, :declared, :created)
