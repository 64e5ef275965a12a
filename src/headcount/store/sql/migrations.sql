-- name: create_migrations
create table if not exists migrations (
  number integer primary key,
  name text not null,
  checksum text not null
)

-- name: select_applied_migrations
select number, name, checksum
from migrations
order by number

-- name: insert_migration
insert into migrations (number, name, checksum)
values (:number, :name, :checksum)
