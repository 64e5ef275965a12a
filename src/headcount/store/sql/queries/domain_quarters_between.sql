select quarter, meetings, time_ms, most, most_ms, in_before
from domain_quarters
where domain = :domain
  and quarter >= :first
  and quarter < :until
