-- name: insert_attribute_key
insert into attribute_keys (domain, key)
values (?, ?)
on conflict (domain, key) do nothing

-- name: select_attribute_keys
select key
from attribute_keys
where domain = :domain
order by key
limit :limit

-- name: select_domains_with_attributes
select distinct domain
from attribute_keys
where domain in (:domains)

-- name: select_meetings_by_id
select domain, room, id, start_ms, end_ms
from meetings
where domain = :domain
  and id in (:ids)

-- name: select_attributes_of_meetings
-- Attributes of the entries of each meeting. Served by the primary keys.
select m.id, s.attributes
from meetings as m
join stays as s on s.domain = m.domain
  and s.room = m.room
  and s.join_ms >= m.start_ms
  and s.join_ms < coalesce(m.end_ms, :never)
where m.domain = :domain
  and m.id in (:ids)
  and s.attributes is not null
union
select m.id, s.attributes
from meetings as m
join stays as s on s.domain = m.domain
  and s.room = m.room
  and s.join_ms = m.carried_join_ms
  and s.participant_id = m.carried_participant_id
where m.domain = :domain
  and m.id in (:ids)
  and s.attributes is not null

-- name: delete_meeting_attribute
delete from meeting_attributes
where domain = ?
  and key = ?
  and value = ?
  and start_s = ?
  and id = ?

-- name: add_meeting_attribute_count
insert into meeting_attribute_counts (domain, key, value, day, meetings)
values (?, ?, ?, ?, ?)
on conflict (domain, key, value, day) do update
set meetings = meeting_attribute_counts.meetings + excluded.meetings

-- name: count_meetings_with_attribute
select coalesce(sum(meetings), 0)
from meeting_attribute_counts
where domain = :domain
  and key = :key
  and value = :value
  and day >= :first
  and day < :until
