select quarter, steps
from domain_steps
where domain = :domain
  and quarter >= :first
  and quarter < :until
