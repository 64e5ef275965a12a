select domain, id, room, start_ms, end_ms, max_participants, participants, revisions
from told_meetings
where domain = :domain
  and id = :id
