update endpoints
set url = :url, secrets = :secrets, basic_auth = :basic_auth, retry_type = :retry_type, event_types = :event_types,
    state = :state, failed_count = :failed_count, updated_ms = :updated, changes = changes + 1
where uuid = :uuid
