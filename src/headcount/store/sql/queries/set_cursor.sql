update engine
set cursor_position = :cursor
