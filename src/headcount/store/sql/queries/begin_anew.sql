update deliveries
set attempts = 0, next_at_ms = 0
where endpoint = :uuid
  and parked = 0
