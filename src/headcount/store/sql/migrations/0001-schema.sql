-- The log (`entries`) is the source of truth. Headcount can rebuild meetings, stays, rooms and usage from it.
-- `sender` and `digest` are the provenance of an entry: who delivered it, and the SHA-256 of the delivery.
-- `salt` is random. After an erasure, `commitment` stands for the personal fields, and the salt is deleted, too.
-- {position}, {bytes}, {random_bytes}, {clustered}, {text} and {presence_columns} are what the two databases write differently.

create table entries (
  position {position},
  domain {text} not null,
  room {text} not null,
  kind smallint not null,
  at_ms bigint not null,
  received_ms bigint not null,
  participant_id {text},
  user_id {text},
  user_name {text},
  source_session {text},
  joined_ms bigint,
  inferred {text},
  event_id {text},
  event_key {bytes} not null,
  origin smallint not null,
  snapshot {text},
  attributes {text},
  sender {text},
  digest {bytes},
  salt {bytes},
  commitment {bytes}
);

create unique index entries_by_key on entries (domain, event_key);

create index entries_by_room on entries (domain, room, at_ms);

create index entries_by_join on entries (domain, room, joined_ms)
where joined_ms is not null;

-- What the engine has processed, and which process runs it. `leader_pid` and `heartbeat_ms` are used on a server only.
create table engine_state (
  singleton smallint primary key check (singleton = 1),
  cursor_position bigint not null,
  epoch bigint not null,
  rules {text},
  leader_pid bigint,
  heartbeat_ms bigint
);

insert into engine_state (singleton, cursor_position, epoch) values (1, 0, 0);

-- The last round of each shard of a cluster that is written. `next_offset` is that of the first record of its partition
-- that is not in it, and `time_ms` is its time.
create table shards (
  shard integer primary key,
  round bigint not null,
  next_offset bigint not null,
  time_ms bigint not null
) {clustered};

-- How far the live query of a cluster has come. What the topic received until `processed_until_ms` is processed.
-- `domains` is the rule that names the domains of this cell.
create table cell_progress (
  singleton smallint primary key check (singleton = 1),
  reported_ms bigint not null,
  processed_until_ms bigint not null,
  batches bigint not null,
  entries bigint not null,
  bad_records bigint not null,
  behind bigint not null,
  rounds bigint not null,
  cached_rounds bigint not null,
  domains {text} not null
);

insert into cell_progress (
  singleton, reported_ms, processed_until_ms, batches, entries, bad_records, behind, rounds,
  cached_rounds, domains
)
values (1, 0, 0, 0, 0, 0, 0, 0, 0, '');

create table rooms (
  domain {text} not null,
  room {text} not null,
  finalized_ms bigint not null,
  deadline_ms bigint,
  checkpoint {text},
  created_ms bigint,
  primary key (domain, room)
) {clustered};

-- Lists rooms, those with the latest first event first.
create index rooms_by_creation on rooms (domain, created_ms, room);

create index rooms_by_deadline on rooms (deadline_ms)
where deadline_ms is not null;

-- Rooms with entries after `position` that are not processed yet. `reason` is set if processing failed (quarantine).
create table deferred_rooms (
  domain {text} not null,
  room {text} not null,
  position bigint not null,
  reason {text},
  attempts integer not null,
  since_ms bigint not null,
  retry_ms bigint not null,
  release {text} not null,
  primary key (domain, room)
) {clustered};

-- Requests to erase or to pseudonymize a person. `digest` is a keyed hash of what selects the person: `selector` is
-- deleted when the request is done. `list_key` is the key of the hash if it came from the list of another store.
create table erasures (
  number {position},
  id {text} not null,
  domain {text} not null,
  mode {text} not null,
  kind {text} not null,
  attribute {text} not null,
  digest {text} not null,
  selector {text},
  until_ms bigint not null,
  requested_ms bigint not null,
  requested_by {text} not null,
  state {text} not null,
  finished_ms bigint,
  counts {text} not null,
  list_key {text}
);

create unique index erasures_by_id on erasures (id);

-- Participants of rooms that are erased. Up to `erased_ms`, the pseudonym stands for the participant everywhere. Rows are
-- rewritten up to `progress_ms`, which starts again if somebody is erased again.
-- `users` are hashes of the users that are meant, separated by commas; it is empty if all data of the participant are.
-- An event after `until_ms` is meant only if it belongs to the same visit: `closed_ms` is when that was over.
-- `participant_id` and `texts` are deleted when the erasure is done.
create table erased_participants (
  domain {text} not null,
  room {text} not null,
  pseudonym {text} not null,
  erasure bigint not null,
  state smallint not null,
  users {text} not null,
  user_pseudonym {text},
  until_ms bigint not null,
  erased_ms bigint not null,
  progress_ms bigint not null,
  closed_ms bigint,
  participant_id {text},
  texts {text},
  primary key (domain, room, pseudonym)
) {clustered};

create index unfinished_erased_participants on erased_participants (state, domain, room, progress_ms)
where state < 2;

-- Moments at which nobody was in a room: late events are replayed from the latest one before them.
create table marks (
  domain {text} not null,
  room {text} not null,
  at_ms bigint not null,
  unconfirmed {text},
  primary key (domain, room, at_ms)
) {clustered};

create table stays (
  domain {text} not null,
  room {text} not null,
  join_ms bigint not null,
  participant_id {text} not null,
  leave_ms bigint,
  left_by {text},
  user_id {text},
  user_name {text},
  attributes {text},
  primary key (domain, room, join_ms, participant_id)
) {clustered};

-- Serves presence. On SQLite it covers all columns of an answer, so that no row is looked up.
create index open_stays on stays (domain, room, join_ms, participant_id{presence_columns})
where leave_ms is null;

-- Open stays that are too young to count (R14): presence lists them, and no record contains them.
create table pending_stays (
  domain {text} not null,
  room {text} not null,
  join_ms bigint not null,
  participant_id {text} not null,
  user_id {text},
  user_name {text},
  attributes {text},
  primary key (domain, room, join_ms, participant_id)
) {clustered};

create index stays_by_user on stays (domain, user_id, join_ms)
where user_id is not null;

-- `carried_*` name the stay that continued into the meeting when a reset started it (R7).
create table meetings (
  domain {text} not null,
  id {text} not null,
  room {text} not null,
  start_ms bigint not null,
  end_ms bigint,
  max_participants integer not null,
  carried_join_ms bigint,
  carried_participant_id {text},
  primary key (domain, id)
) {clustered};

-- The last three columns let a filter by size or end read this index alone.
create index meetings_by_start on meetings (
  domain, (start_ms / 1000), id, start_ms, end_ms, max_participants
);

create index meetings_by_room on meetings (domain, room, (start_ms / 1000), id);

create index ongoing_meetings on meetings (
  domain, (start_ms / 1000), id, start_ms, end_ms, max_participants
)
where end_ms is null;

-- Serves the longest duration: a meeting that started longer before a window cannot overlap it. Serves counts, too.
create index meetings_by_duration on meetings (
  domain, (end_ms - start_ms), start_ms, end_ms, max_participants
)
where end_ms is not null;

-- Number of meetings that started on each day (UTC), so that a count needs no scan.
create table meeting_counts (
  domain {text} not null,
  day bigint not null,
  meetings bigint not null,
  primary key (domain, day)
) {clustered};

-- Number of ended meetings by size. They started in a period of 30 days (UTC) and lasted a number of whole minutes.
create table ended_meeting_counts (
  domain {text} not null,
  period bigint not null,
  minutes bigint not null,
  max_participants integer not null,
  meetings bigint not null,
  primary key (domain, period, minutes, max_participants)
) {clustered};

-- Which meetings have an entry with which value of an attribute; `value` is a digest if it is long.
create table meeting_attributes (
  domain {text} not null,
  key {text} not null,
  value {text} not null,
  start_s bigint not null,
  id {text} not null,
  primary key (domain, key, value, start_s, id)
) {clustered};

-- Number of these meetings that started on each day (UTC).
create table meeting_attribute_counts (
  domain {text} not null,
  key {text} not null,
  value {text} not null,
  day bigint not null,
  meetings bigint not null,
  primary key (domain, key, value, day)
) {clustered};

-- The keys of all attributes that stays have had.
create table attribute_keys (
  domain {text} not null,
  key {text} not null,
  primary key (domain, key)
) {clustered};

create table superseded_meetings (
  domain {text} not null,
  id {text} not null,
  room {text} not null,
  start_ms bigint not null,
  superseded_ms bigint not null,
  primary key (domain, id)
) {clustered};

create index superseded_meetings_by_room on superseded_meetings (domain, room, start_ms);

create table corrections (
  number {position},
  domain {text} not null,
  room {text} not null,
  corrected_ms bigint not null,
  first_ms bigint not null,
  last_ms bigint not null,
  late_ms bigint not null,
  reason {text} not null,
  before_and_after {text} not null
);

create index corrections_by_room on corrections (domain, room, first_ms);

-- Participants whose role is configured not to count, such as recorders.
create table excluded_participants (
  domain {text} not null,
  room {text} not null,
  at_ms bigint not null,
  participant_id {text} not null,
  kind smallint not null,
  role {text} not null,
  user_id {text},
  user_name {text},
  token {text} not null,
  primary key (domain, room, at_ms, participant_id, kind)
) {clustered};

-- Usage of ended meetings in quarters of an hour (UTC). `initial_participants` were present when the quarter began;
-- `steps` are the joins and leaves in it, as JSON; `peak_offset_ms` is when the peak was first reached.
-- `parts` are the same numbers of those with each value of an attribute, as JSON; null if nobody has one.
create table room_quarters (
  domain {text} not null,
  quarter bigint not null,
  room {text} not null,
  meetings integer not null,
  participant_ms bigint not null,
  peak_participants integer not null,
  peak_offset_ms integer not null,
  initial_participants integer not null,
  steps {text} not null,
  parts {text},
  primary key (domain, room, quarter)
) {clustered};

create index room_quarters_by_quarter
on room_quarters (domain, quarter, room, meetings, participant_ms, peak_participants);

-- In the next four tables, `attribute` and `value` name a series: both are empty for everybody. An empty value stands for
-- those without the attribute; their quarters are stored where they differ from those of everybody.
create table domain_quarters (
  domain {text} not null,
  attribute {text} not null,
  value {text} not null,
  quarter bigint not null,
  meetings bigint not null,
  participant_ms bigint not null,
  peak_participants integer not null,
  peak_offset_ms integer not null,
  initial_participants integer not null,
  primary key (domain, attribute, value, quarter)
) {clustered};

-- Serves the usage of all values of an attribute.
create index domain_quarters_by_quarter
on domain_quarters (domain, attribute, quarter, value, meetings, participant_ms, peak_participants, peak_offset_ms)
where value <> '';

-- Apart from domain_quarters, because the steps of all rooms are long and seldom read.
create table domain_steps (
  domain {text} not null,
  attribute {text} not null,
  value {text} not null,
  quarter bigint not null,
  steps {text} not null,
  primary key (domain, attribute, value, quarter)
) {clustered};

-- Totals of each room for periods of `scale` quarters: a day, and thirty days.
create table room_totals (
  domain {text} not null,
  attribute {text} not null,
  value {text} not null,
  scale integer not null,
  period bigint not null,
  room {text} not null,
  meetings bigint not null,
  participant_ms bigint not null,
  peak_participants integer not null,
  primary key (domain, attribute, value, scale, period, room)
) {clustered};

-- Totals of each value of an attribute, in all rooms, for the same periods. `peak_ms` is when the peak was first reached.
create table value_totals (
  domain {text} not null,
  attribute {text} not null,
  scale integer not null,
  period bigint not null,
  value {text} not null,
  meetings bigint not null,
  participant_ms bigint not null,
  peak_participants integer not null,
  peak_ms bigint not null,
  primary key (domain, attribute, scale, period, value)
) {clustered};

-- The values that are too long for an index. A digest stands for each in the tables above.
create table long_values (
  domain {text} not null,
  digest {text} not null,
  value {text} not null,
  primary key (domain, digest)
) {clustered};

-- The attributes of which the usage of each value is stored, separated by commas.
create table usage_attributes (
  singleton smallint primary key check (singleton = 1),
  attributes {text} not null
);

insert into usage_attributes (singleton, attributes) values (1, 'customer,role,kind');

-- Time ranges of rooms with changes that the usage tables do not include yet.
create table pending_rollups (
  number {position},
  domain {text} not null,
  room {text} not null,
  from_ms bigint not null,
  to_ms bigint not null
);

create index pending_rollups_by_domain on pending_rollups (domain, room);

-- The outbox: messages to webhooks and streams, written in the transaction of the change that they report.
create table messages (
  position {position},
  domain {text} not null,
  id {text} not null,
  type {text} not null,
  room {text} not null,
  at_ms bigint not null,
  created_ms bigint not null,
  payload {text} not null
);

create unique index messages_by_id on messages (domain, id);

create index messages_by_time on messages (created_ms);

-- Domains that had a stream open at `seen_ms`, within a day or so: joins and leaves after `position` are messages, too.
-- An endpoint for joins and leaves has the same effect on its domain.
create table stream_domains (
  domain {text} not null,
  position bigint not null,
  seen_ms bigint not null,
  primary key (domain)
) {clustered};

-- What the latest message about each meeting reported (R14).
create table published_meetings (
  domain {text} not null,
  id {text} not null,
  room {text} not null,
  start_ms bigint not null,
  end_ms bigint,
  max_participants integer not null,
  participants integer not null,
  revisions integer not null,
  primary key (domain, id)
) {clustered};

create table pending_notifications (
  domain {text} not null,
  id {text} not null,
  due_ms bigint not null,
  room {text} not null,
  start_ms bigint not null,
  reason {text},
  primary key (domain, id, due_ms)
) {clustered};

create index pending_notifications_by_due on pending_notifications (due_ms);

-- Webhook endpoints. Messages up to `position` are delivered or have a row in `deliveries`.
create table endpoints (
  uuid {text} primary key,
  domain {text} not null,
  url {text} not null,
  secrets {text} not null,
  basic_auth {text},
  retry_type {text} not null,
  event_types {text} not null,
  extensions smallint not null,
  state {text} not null,
  failed_count integer not null,
  last_pushed_ms bigint,
  position bigint not null,
  version bigint not null,
  created_ms bigint not null,
  updated_ms bigint not null
);

create index endpoints_by_domain on endpoints (domain, created_ms);

-- Undelivered messages. A resend raises `generation`, so that the result of an earlier attempt does not remove it.
create table deliveries (
  endpoint {text} not null,
  domain {text} not null,
  position bigint not null,
  room {text} not null,
  attempts integer not null,
  next_attempt_ms bigint not null,
  failed smallint not null,
  generation bigint not null,
  reason {text},
  primary key (endpoint, position)
) {clustered};

create table attempts (
  number {position},
  endpoint {text} not null,
  domain {text} not null,
  position bigint not null,
  message_id {text} not null,
  at_ms bigint not null,
  delivered smallint not null,
  status integer,
  latency_ms integer not null,
  response {text} not null,
  error {text}
);

create index attempts_by_message on attempts (endpoint, position);

create index attempts_by_time on attempts (at_ms);

create table sources (
  token {text} primary key,
  kind {text} not null,
  domain {text} not null,
  name {text} not null,
  secrets {text} not null,
  options {text} not null,
  declared smallint not null,
  created_ms bigint not null,
  removed_ms bigint
);

create unique index sources_by_name on sources (domain, name)
where removed_ms is null;

create table source_stats (
  token {text} not null,
  metric {text} not null,
  total bigint not null,
  last_ms bigint not null,
  detail {text},
  primary key (token, metric)
) {clustered};

-- The rooms that each polled source has reported. Its lists close stays in these rooms only.
create table source_rooms (
  token {text} not null,
  room {text} not null,
  primary key (token, room)
) {clustered};

create table dead_letters (
  number {position},
  token {text} not null,
  digest {bytes} not null,
  received_ms bigint not null,
  url {text} not null,
  headers {text} not null,
  body {bytes} not null,
  reason {text} not null
);

create unique index dead_letters_by_digest on dead_letters (token, digest);

create table api_keys (
  id {text} primary key,
  domain {text} not null,
  name {text} not null,
  digest {text} not null,
  scopes {text} not null,
  created_ms bigint not null,
  last_used_ms bigint,
  revoked_ms bigint
);

-- One-time sign-in links, sessions and shared links of the dashboard, as digests.
-- `parent` is the digest of the session that created the token.
create table access_tokens (
  digest {text} primary key,
  kind {text} not null,
  domain {text} not null,
  role {text} not null,
  name {text} not null,
  key_id {text},
  created_ms bigint not null,
  expires_ms bigint not null,
  subject_kind {text},
  subject {text},
  masked smallint not null,
  parent {text},
  last_used_ms bigint
);

create index access_tokens_by_domain on access_tokens (domain, kind, expires_ms);

-- The number that stands for a participant in a share with masked names.
create table share_participants (
  digest {text} not null,
  participant {text} not null,
  domain {text} not null,
  number integer not null,
  primary key (digest, participant)
) {clustered};

-- Who read meetings and people, signed in, exported, erased, or changed keys. `requests` accesses of a second that are alike are one row.
-- `is_read` is whether the action changes nothing and exports nothing.
create table access_log (
  number {position},
  domain {text} not null,
  at_ms bigint not null,
  actor_kind {text} not null,
  actor {text} not null,
  actor_name {text} not null,
  action {text} not null,
  subject_kind {text},
  subject {text},
  address {text} not null,
  detail {text} not null,
  requests integer not null,
  is_read smallint not null
);

create index access_log_by_time on access_log (domain, at_ms, number);

create index access_log_by_actor on access_log (domain, actor, at_ms, number);

create index access_log_by_action on access_log (domain, action, at_ms, number)
where is_read = 0;

create index access_log_by_subject on access_log (domain, subject, at_ms, number)
where subject is not null;

-- A random secret. It encrypts the positions in cursors, and makes the keys of entries and pseudonyms keyed hashes.
create table store_secret (
  singleton smallint primary key check (singleton = 1),
  secret {bytes} not null
);

insert into store_secret (singleton, secret) values (1, {random_bytes});

-- How long the names, events and meetings of rooms are stored. `pattern` names rooms; the most specific rule of a room
-- applies. Null is forever.
create table retention_rules (
  domain {text} not null,
  pattern {text} not null,
  names_days integer,
  events_days integer,
  meetings_days integer,
  updated_ms bigint not null,
  primary key (domain, pattern)
) {clustered};

-- What no rule may delete: a meeting, a room or the sittings of a user, until the hold is released.
create table legal_holds (
  number {position},
  domain {text} not null,
  kind {text} not null,
  subject {text} not null,
  reason {text} not null,
  created_ms bigint not null,
  created_by {text} not null,
  released_ms bigint,
  released_by {text}
);

create index legal_holds_by_domain on legal_holds (domain, number);

-- Up to when the names, events and meetings of a room have expired. The rows of the room up to `frozen_ms` are given:
-- events up to then are not accepted any more. So is its usage in the quarters before `usage_until_ms`.
create table room_retention (
  domain {text} not null,
  room {text} not null,
  names_until_ms bigint,
  events_until_ms bigint,
  meetings_until_ms bigint,
  frozen_ms bigint,
  usage_until_ms bigint,
  primary key (domain, room)
) {clustered};

-- Usage of rooms in quarters whose meetings retention may delete: it is computed no more.
create table given_quarters (
  domain {text} not null,
  quarter bigint not null,
  room {text} not null,
  meetings integer not null,
  participant_ms bigint not null,
  peak_participants integer not null,
  peak_offset_ms integer not null,
  initial_participants integer not null,
  steps {text} not null,
  parts {text},
  primary key (domain, room, quarter)
) {clustered};

-- Domains in the data-minimal mode, and those that once were (`minimal` = 0).
create table minimal_domains (
  domain {text} primary key,
  minimal smallint not null,
  changed_ms bigint not null
) {clustered};
