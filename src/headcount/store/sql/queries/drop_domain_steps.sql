delete from domain_steps
where domain = ?
  and quarter = ?
