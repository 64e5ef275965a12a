update engine
set rules = :rules
