-- Pages are built in `store/access_log.py`.

-- name: insert_access
insert into access_log (
  domain, at_ms, actor_kind, actor, actor_name, action, subject_kind, subject, address, detail, requests, is_read
)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: select_access_time
select at_ms
from access_log
where domain = :domain and number = :number

-- name: select_access_subjects
-- Served by access_log_by_subject.
select distinct subject
from access_log
where domain = :domain and subject > :after and subject_kind = :kind
order by subject
limit :limit

-- name: update_access_subject
-- Served by access_log_by_subject.
update access_log
set subject = :new
where number in (
  select number
  from access_log
  where domain = :domain and subject = :old and subject_kind = :kind
  order by at_ms, number
  limit :limit
)

-- name: select_oldest_access
select number
from access_log
order by number
limit 1

-- name: delete_old_access
-- Served by the primary key.
delete from access_log
where number >= :start and number < :until and at_ms < :before
