-- name: select_mark_before
select at_ms, unconfirmed
from marks
where domain = :domain
  and room = :room
  and at_ms < :at
order by at_ms desc
limit 1

-- name: select_marks_after
select at_ms, unconfirmed
from marks
where domain = :domain
  and room = :room
  and at_ms > :at
order by at_ms
