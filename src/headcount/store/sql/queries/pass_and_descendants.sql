with recursive ended (digest, kind, expires_ms) as (
  select digest, kind, expires_ms
  from passes
  where digest = :digest
    and domain = :domain
    and kind in ('link', 'sign-in')
  union
  select p.digest, p.kind, p.expires_ms
  from passes as p
  join ended as e on p.parent = e.digest
)
select digest, kind, expires_ms
from ended
