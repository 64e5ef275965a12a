insert into share_people (digest, person, domain, number)
values (?, ?, ?, ?)
on conflict (digest, person) do nothing
