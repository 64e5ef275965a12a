-- A secret of the store, made of chance at the first start: positions are hidden with it from those who see cursors.

create table store_secret (
  one smallint primary key check (one = 1),
  secret {bytes} not null
);
