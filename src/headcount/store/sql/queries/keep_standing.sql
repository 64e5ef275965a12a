update endpoints
set state = :state, failed_count = :failed_count
where uuid = :uuid
  and changes = :changes
