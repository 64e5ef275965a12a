insert into store_secret (one, secret)
values (1, :secret)
on conflict (one) do nothing
