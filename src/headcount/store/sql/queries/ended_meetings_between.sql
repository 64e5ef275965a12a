select m.start_ms, m.end_ms, m.carried_join_ms, m.carried_participant_id
from meetings as m
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
