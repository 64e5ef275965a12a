-- Sends the events of rooms in the format of Jitsi's event_sync component, which no package has: the same
-- addresses, the same JSON, whole seconds, one message per request, retried when it was refused or the connection failed.
-- Loaded by a MUC component. Written for these tests; of a room it stores what its end has to report.

local http = require "net.http";
local json = require "util.json";
local timer = require "util.timer";
local jid = require "util.jid";

local prefix = module:get_option_string("api_prefix");
local headers = module:get_option("api_headers", {});
local attempts = module:get_option_number("api_retry_count", 3);
local pause = module:get_option_number("api_retry_delay", 1);

local rooms = {}; -- by room: its creation, the present occupants by nick, and all occupants ever

local function send(path, message, left)
  local with = { ["Content-Type"] = "application/json" };
  for name, value in pairs(headers) do
    with[name] = value;
  end
  http.request(prefix .. path, { method = "POST", headers = with, body = json.encode(message) }, function(_, code)
    local refused = code == 0 or code >= 500;
    if refused and left > 0 then
      timer.add_task(pause, function() send(path, message, left - 1); end);
    end
  end);
end

local function publish(path, event, room, message)
  message.event_name = event;
  message.room_jid = room.jid;
  message.room_name = jid.node(room.jid);
  message.is_breakout = false;
  send(path, message, attempts);
end

local function room_state(room)
  if not rooms[room.jid] then
    rooms[room.jid] = { created_at = os.time(), present = {}, all = {} };
  end
  return rooms[room.jid];
end

local function number_of(occupants)
  local number = 0;
  for _ in pairs(occupants) do
    number = number + 1;
  end
  return number;
end

module:hook("muc-room-created", function(event)
  local created_at = room_state(event.room).created_at;
  publish("/events/room/created", "muc-room-created", event.room, { created_at = created_at });
end, -1);

module:hook("muc-occupant-joined", function(event)
  if event.occupant.nick == event.room.jid .. "/focus" then
    return; -- Jitsi's own, which makes every room and is the last to leave it
  end
  local state = room_state(event.room);
  local occupant = { occupant_jid = event.occupant.jid, joined_at = os.time() };
  state.present[event.occupant.nick] = occupant;
  table.insert(state.all, occupant);
  publish("/events/occupant/joined", "muc-occupant-joined", event.room, {
    occupant = occupant;
    active_occupants_count = number_of(state.present);
  });
end, -1);

module:hook("muc-occupant-left", function(event)
  local state = room_state(event.room);
  local occupant = state.present[event.occupant.nick];
  if occupant then
    state.present[event.occupant.nick] = nil;
    occupant.left_at = os.time();
  end
  publish("/events/occupant/left", "muc-occupant-left", event.room, {
    occupant = occupant;
    active_occupants_count = number_of(state.present);
  });
end, -1);

module:hook("muc-room-destroyed", function(event)
  local state = room_state(event.room);
  rooms[event.room.jid] = nil;
  publish("/events/room/destroyed", "muc-room-destroyed", event.room, {
    created_at = state.created_at;
    destroyed_at = os.time();
    all_occupants = state.all;
  });
end, -1);
