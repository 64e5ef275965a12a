select coalesce(min(position), 0) from messages
