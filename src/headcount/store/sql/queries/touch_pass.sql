update passes
set last_used_ms = ?
where digest = ?
