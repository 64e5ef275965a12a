with recursive users (user_id, number) as (
  select min(first.user_id), 1
  from stays as first
  where first.domain = :domain
    and first.user_id is not null
  union all
  select
    (
      select min(next.user_id)
      from stays as next
      where next.domain = :domain
        and next.user_id > users.user_id
        and next.user_id is not null
    ),
    users.number + 1
  from users
  where users.user_id is not null
    and users.number < :most
)
select
  users.user_id,
  (
    select stays.user_name
    from stays
    where stays.domain = :domain
      and stays.user_id = users.user_id
    order by stays.join_ms desc
    limit 1
  )
from users
where users.user_id is not null
order by users.user_id
