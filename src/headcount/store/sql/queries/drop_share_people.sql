delete from share_people
where digest not in (select digest from passes)
