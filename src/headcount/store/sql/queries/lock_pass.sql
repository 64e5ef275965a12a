update passes
set masked = masked
where digest = :digest
