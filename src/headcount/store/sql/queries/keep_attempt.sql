insert into attempts (endpoint, domain, position, message_id, at_ms, delivered, status, latency_ms, answer, error)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
