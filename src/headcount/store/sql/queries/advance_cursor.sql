update engine
set cursor_position = :cursor
where epoch = :epoch
