select room
from stays
where domain = :domain
  and leave_ms is null
  and substr(room, 1, length(:beginning)) = :beginning
union
select room
from rooms
where deadline_ms is not null
  and domain = :domain
  and substr(room, 1, length(:beginning)) = :beginning
union
select entries.room
from engine
join entries on entries.position > engine.cursor_position
where entries.domain = :domain
  and substr(entries.room, 1, length(:beginning)) = :beginning
order by 1
