-- Tells of rooms and who comes and goes, in the words of Jitsi's event_sync component, which no package has: the same
-- addresses, the same JSON, whole seconds, each message by itself, tried again when it was refused or nobody listened.
-- Loaded by a MUC component. Written for these tests; of a room it keeps what its end has to tell.

local http = require "net.http";
local json = require "util.json";
local timer = require "util.timer";
local jid = require "util.jid";

local prefix = module:get_option_string("api_prefix");
local headers = module:get_option("api_headers", {});
local tries = module:get_option_number("api_retry_count", 3);
local pause = module:get_option_number("api_retry_delay", 1);

local told = {}; -- by room: when it was created, who is in by nick, and all who ever were

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

local function tell(path, event, room, message)
  message.event_name = event;
  message.room_jid = room.jid;
  message.room_name = jid.node(room.jid);
  message.is_breakout = false;
  send(path, message, tries);
end

local function about_room(room)
  if not told[room.jid] then
    told[room.jid] = { created_at = os.time(), here = {}, all = {} };
  end
  return told[room.jid];
end

local function number_of(people)
  local number = 0;
  for _ in pairs(people) do
    number = number + 1;
  end
  return number;
end

module:hook("muc-room-created", function(event)
  local created_at = about_room(event.room).created_at;
  tell("/events/room/created", "muc-room-created", event.room, { created_at = created_at });
end, -1);

module:hook("muc-occupant-joined", function(event)
  if event.occupant.nick == event.room.jid .. "/focus" then
    return; -- Jitsi's own, which makes every room and is the last to leave it
  end
  local about = about_room(event.room);
  local occupant = { occupant_jid = event.occupant.jid, joined_at = os.time() };
  about.here[event.occupant.nick] = occupant;
  table.insert(about.all, occupant);
  tell("/events/occupant/joined", "muc-occupant-joined", event.room, {
    occupant = occupant;
    active_occupants_count = number_of(about.here);
  });
end, -1);

module:hook("muc-occupant-left", function(event)
  local about = about_room(event.room);
  local occupant = about.here[event.occupant.nick];
  if occupant then
    about.here[event.occupant.nick] = nil;
    occupant.left_at = os.time();
  end
  tell("/events/occupant/left", "muc-occupant-left", event.room, {
    occupant = occupant;
    active_occupants_count = number_of(about.here);
  });
end, -1);

module:hook("muc-room-destroyed", function(event)
  local about = about_room(event.room);
  told[event.room.jid] = nil;
  tell("/events/room/destroyed", "muc-room-destroyed", event.room, {
    created_at = about.created_at;
    destroyed_at = os.time();
    all_occupants = about.all;
  });
end, -1);
