delete from passes
where expires_ms <= :now
