-- Polls: the rooms that each source which is asked who is in has spoken of. Nobody is closed by its lists elsewhere.

create table source_rooms (
  token {text} not null,
  room {text} not null,
  primary key (token, room)
) {clustered};
