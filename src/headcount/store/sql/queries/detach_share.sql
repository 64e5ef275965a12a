update passes
set key_id = null, parent = null
where digest = :digest
