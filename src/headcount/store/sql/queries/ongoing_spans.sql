select m.room, m.start_ms, s.join_ms, s.leave_ms
from meetings as m
cross join stays as s
where m.domain = :domain
  and m.end_ms is null
  and coalesce(:room, m.room) = m.room
  and s.domain = m.domain
  and s.room = m.room
  and s.join_ms >= m.start_ms
