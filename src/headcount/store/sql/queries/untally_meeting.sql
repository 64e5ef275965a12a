update meeting_tallies
set meetings = meetings - 1
where domain = ?
  and day = (
    select start_ms / 86400000
    from meetings
    where domain = ?
      and id = ?
  )
