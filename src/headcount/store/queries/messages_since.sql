select min(position) from messages where created_ms >= :moment
