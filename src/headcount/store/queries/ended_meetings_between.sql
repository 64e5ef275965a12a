select start_ms
from meetings
where domain = :domain
  and room = :room
  and start_ms / 1000 >= coalesce((
    select max(k.start_ms / 1000)
    from meetings as k
    where k.domain = :domain
      and k.room = :room
      and k.start_ms / 1000 < :first / 1000
  ), 0)
  and start_ms / 1000 <= :until / 1000
  and start_ms < :until
  and end_ms > :first
