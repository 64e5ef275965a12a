update passes
set parent = (select s.parent from passes as s where s.digest = :digest)
where parent = :digest
