delete from domain_quarters
where domain = ?
  and quarter = ?
