delete from passes
where digest = :digest
  and domain = :domain
  and kind = 'share'
