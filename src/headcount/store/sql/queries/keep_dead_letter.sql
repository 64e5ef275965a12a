insert into dead_letters (token, digest, received_ms, url, headers, body, reason)
values (?, ?, ?, ?, ?, ?, ?)
on conflict (token, digest) do nothing
