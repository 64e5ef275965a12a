insert into domain_steps (domain, quarter, steps)
values (?, ?, ?)
