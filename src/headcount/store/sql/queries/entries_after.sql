select position, domain, room, at_ms, received_ms, origin, listed, kind,
  participant_id, user_id, user_name, source_session, joined_ms, inferred
from entries
where position > :position
order by position
limit :most
