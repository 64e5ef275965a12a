import type { components } from "./schema.js";

type Attributes = NonNullable<components["schemas"]["EventBody"]["attributes"]>;

interface Message<Type extends string, Payload> {
  version: string;
  type: Type;
  /** The same for each attempt: ignore an id that you know. */
  id: string;
  payload: Payload;
  /** When Headcount created the message, in unix seconds. */
  event_ts: number;
}

interface Participant {
  room: string;
  /** The user's ID, or the ID of the connection if the user is unknown. */
  user_id: string;
  user_name: string | null;
  /** ID of the connection: the `participant_id` of the API. */
  session_id: string;
  joined_at: number;
  /** In the stream, and in webhooks with `extensions`. */
  attributes?: Attributes;
}

interface MeetingState {
  meeting_id: string;
  start_ts: number;
  end_ts: number | null;
  duration: number | null;
  max_participants: number;
  participants: number;
}

export type ParticipantJoined = Message<"participant.joined", Participant>;
export type ParticipantLeft = Message<"participant.left", Participant & { duration: number; left_by?: string }>;
export type MeetingStarted = Message<"meeting.started", { start_ts: number; meeting_id: string; room: string }>;
export type MeetingEnded = Message<
  "meeting.ended",
  {
    start_ts: number;
    end_ts: number;
    meeting_id: string;
    room: string;
    /** In the stream, and in webhooks with `extensions`, as all below. */
    duration?: number;
    max_participants?: number;
    participants?: number;
    reason?: "room_empty" | "left_alone";
  }
>;
export type MeetingUpdated = Message<
  "meeting.updated",
  {
    meeting_id: string;
    room: string;
    reason: "late_event" | "inferred_leave_overridden";
    before: MeetingState | null;
    /** `null` if the meeting was removed. */
    after: MeetingState | null;
  }
>;

/** A message of a webhook or of the stream: `switch (message.type)` narrows it. */
export type HeadcountMessage = ParticipantJoined | ParticipantLeft | MeetingStarted | MeetingEnded | MeetingUpdated;
