update endpoints
set changes = changes + 1
where uuid = :uuid
