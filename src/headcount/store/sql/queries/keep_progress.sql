update endpoints
set position = case when position < :position then :position else position end,
    last_pushed_ms = coalesce(:last_pushed, last_pushed_ms)
where uuid = :uuid
