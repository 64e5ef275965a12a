update passes
set parent = null
where parent in (select digest from passes where expires_ms <= :now)
