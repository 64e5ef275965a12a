-- `|| ''` keeps the indexes by domain out of it: entries after a position are found by the primary key.
select position, domain, room, at_ms, received_ms, origin, listed, kind,
  participant_id, user_id, user_name, source_session, joined_ms, inferred
from entries
where position > :position
  and position <= :until
  and domain || '' = :domain
order by position
limit :most
