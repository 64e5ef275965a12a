select domain, id, room, start_ms, end_ms, max_participants, carried_join_ms, carried_participant_id
from (
  select domain, id, room, start_ms, end_ms, max_participants, carried_join_ms, carried_participant_id
  from meetings
  where domain = :domain
    and room = :room
    and start_ms / 1000 <= :at / 1000
    and start_ms <= :at
  order by start_ms / 1000 desc, start_ms desc
  limit 1
) as latest
where end_ms is null
  or end_ms > :at
