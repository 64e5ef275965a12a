update engine
set epoch = epoch
where one = 1
