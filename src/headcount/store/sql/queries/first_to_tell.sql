select min(due_ms) from to_tell
