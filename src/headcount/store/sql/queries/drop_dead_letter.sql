delete from dead_letters
where number = ?
