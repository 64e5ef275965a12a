update sources
set kind = :kind, secrets = :secrets, options = :options, declared = :declared
where token = :token
