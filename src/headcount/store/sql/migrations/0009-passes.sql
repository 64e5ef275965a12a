-- Passes: what lets a browser look without a key. A link is exchanged for a sign-in once; both are kept as digests.

create table passes (
  digest {text} primary key,
  kind {text} not null,
  domain {text} not null,
  role {text} not null,
  name {text} not null,
  key_id {text},
  created_ms bigint not null,
  expires_ms bigint not null
);

create index passes_by_domain on passes (domain, kind, expires_ms);
