-- Answers GET /room-census as Jitsi's mod_muc_census does: the rooms, and the number of occupants of each, one less for the
-- focus. Loaded by a virtual host, for the rooms of its MUC component. Written for these tests.

local json = require "util.json";

module:depends("http");

local function census()
  local listed = {}; -- written as an object while it is empty, as Jitsi's was
  for room in prosody.hosts["conference." .. module.host].modules.muc.each_room() do
    local participants = -1;
    for _ in room:each_occupant() do
      participants = participants + 1;
    end
    table.insert(listed, { room_name = room.jid; participants = participants; leaked = false });
  end
  return { status_code = 200; body = json.encode({ room_census = listed }) };
end

module:provides("http", { default_path = "/"; route = { ["GET room-census"] = census } });
