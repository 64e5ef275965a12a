-- When the tables were last replaced as a whole, in ms: incremental exports then compare everything.
alter table engine_state add column generation bigint not null default 0;
