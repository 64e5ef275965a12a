delete from passes
where digest = :digest
