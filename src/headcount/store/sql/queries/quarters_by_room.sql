-- Not summed up here: SQLite would go through all rooms in their order, instead of to these few quarters.
select room, meetings, time_ms, most
from room_quarters
where domain = :domain
  and quarter >= :first
  and quarter < :until
order by quarter
