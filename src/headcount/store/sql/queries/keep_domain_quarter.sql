insert into domain_quarters (domain, quarter, meetings, time_ms, most, most_ms, in_before)
values (?, ?, ?, ?, ?, ?, ?)
