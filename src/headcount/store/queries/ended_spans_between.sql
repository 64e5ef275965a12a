with ended as (
  select start_ms, end_ms, carried_join_ms, carried_participant_id
  from meetings
  where domain = :domain
    and room = :room
    and start_ms / 1000 >= coalesce((
      select max(k.start_ms / 1000)
      from meetings as k
      where k.domain = :domain
        and k.room = :room
        and k.start_ms / 1000 < :first / 1000
    ), 0)
    and start_ms / 1000 <= :until / 1000
    and start_ms < :until
    and end_ms > :first
)
select ended.start_ms, ended.end_ms, s.join_ms, s.leave_ms
from ended
cross join stays as s
where s.domain = :domain
  and s.room = :room
  and s.join_ms >= ended.start_ms
  and s.join_ms < ended.end_ms
union all
-- Not a join: SQLite would make a Bloom filter of all stays for it.
select
  ended.start_ms,
  ended.end_ms,
  ended.carried_join_ms,
  (
    select s.leave_ms
    from stays as s
    where s.domain = :domain
      and s.room = :room
      and s.join_ms = ended.carried_join_ms
      and s.participant_id = ended.carried_participant_id
  )
from ended
where exists (
  select 1
  from stays as s
  where s.domain = :domain
    and s.room = :room
    and s.join_ms = ended.carried_join_ms
    and s.participant_id = ended.carried_participant_id
)
