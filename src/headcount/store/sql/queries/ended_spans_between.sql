select m.start_ms, m.end_ms, s.join_ms, s.leave_ms
from meetings as m
cross join stays as s
where m.domain = :domain
  and m.room = :room
  and m.start_ms / 1000 >= coalesce((
    select max(k.start_ms / 1000)
    from meetings as k
    where k.domain = :domain
      and k.room = :room
      and k.start_ms / 1000 < :first / 1000
  ), 0)
  and m.start_ms / 1000 <= :until / 1000
  and m.start_ms < :until
  and m.end_ms > :first
  and s.domain = m.domain
  and s.room = m.room
  and s.join_ms >= m.start_ms
  and s.join_ms < m.end_ms
