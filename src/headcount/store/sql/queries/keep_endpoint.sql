insert into endpoints (uuid, domain, url, secrets, basic_auth, retry_type, event_types, state, failed_count, position, changes, created_ms, updated_ms)
values (:uuid, :domain, :url, :secrets, :basic_auth, :retry_type, :event_types, :state, 0, :position, 0, :created, :created)
