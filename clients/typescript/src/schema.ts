// Generated from the OpenAPI document by `make typescript`. Do not edit.

export interface paths {
    "/meetings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List meetings
         * @description Returns a page of the meetings that match the filters, newest first. `total_count` is the number of all of them. Daily-compatible.
         */
        get: operations["listMeetings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/meetings/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a meeting
         * @description Returns a meeting without its participants. Daily-compatible.
         */
        get: operations["getMeeting"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/meetings/{id}/participants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the participants of a meeting
         * @description Returns a page of the participants, by `join_time`. The answer is 404 when there are no more. A page has at least `limit` entries, unless it is the last one. It has more if participants who rejoined have entries on both sides of its end. Daily-compatible.
         */
        get: operations["listMeetingParticipants"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/{user}/meetings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the meetings of a user
         * @description Returns a page of the meetings that a user took part in. Each meeting has the user's part in `attended`: their first join, last leave and total time, over all their connections. Headcount extension.
         */
        get: operations["listUserMeetings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/meetings/{id}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Explain a meeting
         * @description Returns why the meeting started and ended, with the rule of each step and the events behind it. Stays that are too short, ignored events and corrections are steps, too. Headcount extension.
         */
        get: operations["explainMeeting"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/meetings/{id}/attendance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the attendance list of a meeting
         * @description Returns an entry for each person: a user, or a connection whose user is unknown. With `expected`, entries have a status, and expected users who never joined have an entry, too. Headcount extension.
         */
        get: operations["getAttendance"];
        put?: never;
        /**
         * Compare a meeting with a roster
         * @description Returns the attendance list for a roster in the body: for long rosters, and for names of expected users. The scope `read` is sufficient. Headcount extension.
         */
        post: operations["createAttendanceReport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/meetings/{id}/together": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the time together
         * @description Returns when all sides were in the meeting at the same time: 2 to 4 sides, such as `role=host&role=guest`. Each of `role`, `user_id`, `participant_id` and `attribute.KEY` is a side of its own. A name and a dot before them join conditions to one side: `clinician.role=host&clinician.role=cohost&patient.role=guest`. Values of the same condition are alternatives; different conditions must hold for the same stay. Each side needs a person of its own. Headcount extension.
         */
        get: operations["getTimeTogether"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get usage
         * @description Returns started meetings, participant time and peak participants, by hour, day or month of a time zone, by room, or by attribute. Headcount extension.
         */
        get: operations["getUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/concurrency": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get concurrency
         * @description Returns the peak number of participants, its time, and the average, by hour or day of a time zone, or by attribute. Headcount extension.
         */
        get: operations["getConcurrency"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/presence": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List present participants by room
         * @description Returns the participants who are in rooms now, by room. An empty room has no key. Daily-compatible.
         */
        get: operations["getPresence"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/rooms/{room}/presence": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the presence of a room
         * @description Returns the participants who are in a room now, or who were in it at a time or during a period. `total_count` is the number of participants that match `userId` and `userName`, whatever the limit. An unknown room is empty. A time in the future means now. Daily-compatible.
         */
        get: operations["getRoomPresence"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/rooms": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List rooms
         * @description Returns a page of the rooms, newest first. A room is known from its first event on. Daily-compatible.
         */
        get: operations["listRooms"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/rooms/{room}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a room
         * @description Returns a room, whether or not anybody is in it. Daily-compatible.
         */
        get: operations["getRoom"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/rooms": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List quarantined rooms
         * @description Returns the rooms whose events could not be processed, at most 1,000. Their events are stored, and other rooms are not affected. Headcount tries again at `retry_at`. Headcount extension.
         */
        get: operations["listQuarantinedRooms"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/completeness": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get completeness
         * @description Returns the time until when all answers about the domain are complete, and that of each source and API key. The smallest time is first. API keys that have never sent events are not listed. Headcount extension.
         */
        get: operations["getCompleteness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ingest events
         * @description Ingests events: one, an array, or one per line (NDJSON, with the content type `application/x-ndjson`). Either all events of a request are accepted, or none. Headcount extension.
         */
        post: operations["ingestEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/rooms/{room}/snapshot": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a room snapshot
         * @description Sends the list of participants who are in a room. Missing joins and leaves are inferred (rule 3a). Headcount extension.
         */
        post: operations["ingestSnapshot"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ingest/{kind}/{token}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ingest a webhook of a video server
         * @description Ingests a webhook of a video server. The URL is the address of a source, as `headcount source create` prints it. It needs no key: requests are authenticated in the vendor's way. The body has the vendor's form. A vendor's validation of the URL is answered in its form, too. Headcount extension.
         */
        post: operations["ingestWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Stream events
         * @description Returns Server-Sent Events: the messages that webhooks get, with the bodies that have Headcount's extensions. `id` is the position in the stream, `event` the type, `data` the body. A comment is sent every 15 seconds. The event `disconnect` has the reason why a stream ends, `gap` means that events were missed. Headcount extension.
         */
        get: operations["streamEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List webhooks
         * @description Returns all webhooks of the key's domain, oldest first. Daily-compatible.
         */
        get: operations["listWebhooks"];
        put?: never;
        /**
         * Create a webhook
         * @description Creates a webhook. Its URL must answer the ping, a POST of `{"test":"test"}`, with 200. It gets the events from then on. Daily-compatible.
         */
        post: operations["createWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{uuid}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a webhook
         * @description Returns a webhook with its settings and its state. Daily-compatible.
         */
        get: operations["getWebhook"];
        put?: never;
        /**
         * Update a webhook
         * @description Updates a webhook. Its URL must answer the ping with 200. A webhook that had failed becomes active and gets its pending messages. Daily-compatible.
         */
        post: operations["updateWebhook"];
        /**
         * Delete a webhook
         * @description Deletes a webhook and its pending messages. Daily-compatible.
         */
        delete: operations["deleteWebhook"];
        options?: never;
        head?: never;
        /**
         * Update a webhook (PATCH)
         * @description Updates a webhook, as POST does. Headcount extension.
         */
        patch: operations["patchWebhook"];
        trace?: never;
    };
    "/webhooks/{uuid}/secrets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the secrets of a webhook
         * @description Returns all valid secrets of a webhook. Messages are signed with each of them. Headcount extension.
         */
        get: operations["listWebhookSecrets"];
        /**
         * Update the secrets of a webhook
         * @description Replaces all secrets of a webhook, without a ping. To rotate a secret, set the new one and the old one, update the receiver, and then set the new one alone. Headcount extension.
         */
        put: operations["updateWebhookSecrets"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{uuid}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the deliveries of a webhook
         * @description Returns a page of messages, newest first, with every attempt. Headcount extension.
         */
        get: operations["listDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{uuid}/resend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Resend messages
         * @description Sends messages again: by id, by room, by the time in `event_ts`, or those that failed. At most 10,000, oldest first. Headcount extension.
         */
        post: operations["resendDeliveries"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{uuid}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Test a webhook
         * @description Sends the ping and return its result. Headcount extension.
         */
        post: operations["testWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/privacy/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Export a person
         * @description Returns everything that is stored about a person: entries of the log, stays, meetings, corrections, messages, deliveries, and shared links. The answer has an array for each table. The CLI and the dashboard export the same as CSV, too. Headcount extension.
         */
        post: operations["exportPerson"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/privacy/erasures": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List erasures
         * @description Returns the erasures of the key's domain, the newest first. What selected a person is not stored once the erasure is done. To prove that somebody was erased, select them: their hash is compared with those of the erasures. Headcount extension.
         */
        get: operations["listErasures"];
        put?: never;
        /**
         * Erase a person
         * @description Requests the erasure of a person, which the engine carries out in steps, and returns it. Meetings, counts, times and ids of meetings stay as they are. With `dry_run`, nothing is requested, and the answer counts what would be changed. The same request again returns the first one until that is done. Headcount extension.
         */
        post: operations["createErasure"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/privacy/erasures/{number}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an erasure
         * @description Returns an erasure, with its state and what it has changed so far. Headcount extension.
         */
        get: operations["getErasure"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/privacy/retention": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List retention rules
         * @description Returns the retention rules of the key's domain. Headcount extension.
         */
        get: operations["listRetentionRules"];
        /**
         * Set a retention rule
         * @description Sets how long names, events and meetings of the rooms that match a pattern are stored. It replaces the rule of the pattern. Headcount extension.
         */
        put: operations["updateRetentionRule"];
        post?: never;
        /**
         * Delete a retention rule
         * @description Deletes the retention rule of a pattern. What has expired stays deleted. Headcount extension.
         */
        delete: operations["deleteRetentionRule"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/privacy/retention/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Preview retention
         * @description Returns how much has reached the end of its time under each rule. Nothing is changed. Headcount extension.
         */
        get: operations["getRetentionPreview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/privacy/holds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List legal holds
         * @description Returns the legal holds of the key's domain, the oldest first. Headcount extension.
         */
        get: operations["listLegalHolds"];
        put?: never;
        /**
         * Create a legal hold
         * @description Creates a legal hold on a meeting, a room or a user. Headcount extension.
         */
        post: operations["createLegalHold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/privacy/holds/{number}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Release a legal hold
         * @description Releases a legal hold. Its record remains. What has reached the end of its time is then deleted. Headcount extension.
         */
        delete: operations["deleteLegalHold"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/privacy/minimal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the data-minimal mode
         * @description Returns whether the key's domain is in the data-minimal mode. Headcount extension.
         */
        get: operations["getDataMinimal"];
        /**
         * Set the data-minimal mode
         * @description Turns the data-minimal mode of the key's domain on or off. In it, participants are counted, and names and user IDs are never stored. What is stored already is not changed. Headcount extension.
         */
        put: operations["updateDataMinimal"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/access-log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the access log
         * @description Returns a page of the entries that match the filters, newest first. It needs the scope `admin`. An entry appears within a second after a read, and at once after any other action. Headcount extension.
         */
        get: operations["listAccessLog"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the API key
         * @description Returns the name, the domain and the scopes of the key in the request. Every valid key may use it. Headcount extension.
         */
        get: operations["getKey"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description Who did it. */
        AccessActor: {
            /**
             * @description The kind of the actor.
             * @enum {string}
             */
            type: "key" | "session" | "share" | "command_line" | "system";
            /** @description The id of an API key, the short id of a session or of a shared link, or the name of a user of the server's machine. */
            id: string;
            /** @description The name of the API key or the session, or of the creator of the shared link. */
            name: string;
        };
        /** @description A page of the access log, newest first. */
        AccessLogEntries: {
            data: components["schemas"]["AccessLogEntry"][];
        };
        /** @description An entry of the access log. */
        AccessLogEntry: {
            /** @description The id of the entry. */
            id: string;
            /**
             * Format: date-time
             * @description Time of the access, or of the first of several.
             */
            at: string;
            actor: components["schemas"]["AccessActor"];
            /**
             * @description What was done.
             * @enum {string}
             */
            action: "sign_in" | "sign_out" | "meeting.list" | "meeting.read" | "person.read" | "person.search" | "presence.read" | "room.list" | "room.read" | "usage.read" | "stream.open" | "export" | "share.open" | "share.create" | "share.revoke" | "key.create" | "key.revoke" | "sign_in_link.create" | "session.revoke" | "source.create" | "source.update" | "source.delete" | "webhook.read" | "webhook.create" | "webhook.update" | "webhook.delete" | "webhook.send" | "encryption_key.rotate" | "encryption_key.reset" | "privacy.read" | "privacy.export" | "privacy.erase" | "privacy.pseudonymize" | "retention.update" | "hold.create" | "hold.delete" | "access_log.read" | "access_log.drop" | "other";
            /** @description What it was done to; `null` if it is not a single subject. */
            subject: components["schemas"]["AccessSubject"] | null;
            /** @description The IP address of the client, as the server sees it; empty for commands. */
            address: string;
            /** @description The method and the route of the request, or the command. */
            detail: string;
            /** @description Number of requests that were alike within a second. */
            requests: number;
        };
        /** @description What it was done to. */
        AccessSubject: {
            /**
             * @description The kind of the subject.
             * @enum {string}
             */
            type: "meeting" | "room" | "user" | "participant" | "attribute" | "key" | "session" | "share" | "source" | "webhook";
            /** @description The id or the name of the subject; the pseudonym of a user or participant who was erased. */
            id: string;
        };
        /** @description A person in a meeting. The fields from `status` on are present if somebody was expected. */
        AttendanceEntry: {
            /** @description The user's id, if known. */
            user_id: string | null;
            /** @description The connection; `null` if the user is known. */
            participant_id: string | null;
            /** @description The user's name, if known. */
            user_name: string | null;
            /** @description Number of connections. */
            connections: number;
            /** @description Time of the first join, in unix seconds. */
            join_time: number | null;
            /** @description Time of the last leave, in unix seconds; `null` before it. */
            leave_time: number | null;
            /** @description Duration in seconds, rounded down; up to now while it is ongoing. Rounding is to the granularity. */
            duration: number;
            /** @description Part of the meeting's duration. */
            attendance_ratio: number;
            /**
             * @description Attendance status.
             * @enum {string}
             */
            status?: "present" | "late" | "left_early" | "partial" | "absent" | "unexpected";
            /** @description Duration within the scheduled time, in seconds. */
            scheduled_duration?: number;
            /** @description A part of the whole, from 0 to 1, rounded down to four digits. */
            scheduled_attendance_ratio?: number;
            /** @description Seconds after the scheduled start if late, else 0. */
            late_by_seconds?: number | null;
            /** @description Seconds before the scheduled end if early, else 0. */
            left_early_by_seconds?: number | null;
        };
        /** @description The persons of a meeting by their first join, then expected users who never joined. */
        AttendanceList: {
            /** @description The id of the meeting. */
            id: string;
            /** @description The name of the room. */
            room: string;
            /** @description Start of the meeting, in unix seconds. */
            start_time: number;
            /** @description Duration in seconds, rounded down; up to now while it is ongoing. Rounding is to the granularity. */
            duration: number;
            /** @description Whether the meeting has not ended yet. */
            ongoing: boolean;
            /** @description Peak number of participants. */
            max_participants: number;
            /** Format: date-time */
            starts_at: string;
            /** Format: date-time */
            ends_at: string;
            totals: components["schemas"]["AttendanceTotals"];
            data: components["schemas"]["AttendanceEntry"][];
        };
        /** @description Number of persons; with `expected`, also of expected users, and of persons by status. */
        AttendanceTotals: {
            people: number;
            expected?: number;
            present?: number;
            late?: number;
            left_early?: number;
            partial?: number;
            absent?: number;
            unexpected?: number;
        };
        /** @description A user's part in a meeting, over all their connections. */
        Attended: {
            /** @description Time of the first join, in unix seconds. */
            join_time: number;
            /** @description Time of the last leave, in unix seconds; `null` before it. */
            leave_time: number | null;
            /** @description Duration in seconds, rounded down; up to now while it is ongoing. Rounding is to the granularity. */
            duration: number;
            /** @description Part of the meeting's duration. */
            attendance_ratio: number;
        };
        /** @description Until when answers are complete, and why. */
        CompletenessStatus: {
            /**
             * Format: date-time
             * @description Everything that happened before this time, and was reported, is included.
             */
            complete_until: string;
            /** @description The source or API key that holds `complete_until` back; `null` if there is none. */
            held_back_by: components["schemas"]["EventSource"] | null;
            /**
             * Format: date-time
             * @description The time up to which received events are processed, less the late grace period.
             */
            processed_until: string;
            total_count: number;
            data: components["schemas"]["SenderStatus"][];
        };
        /** @description Concurrent participants by time, in order. */
        Concurrency: {
            /** @description The time zone. */
            timezone: string;
            group_by: string;
            /** @description Start of the first bucket, in the same form. */
            from: string;
            /** @description End of the last bucket, in the same form. */
            to: string;
            /**
             * Format: date-time
             * @description Everything that happened before this time, and was reported, is included.
             */
            complete_until: string;
            /** @description The source or API key that holds `complete_until` back; `null` if there is none. */
            held_back_by: components["schemas"]["EventSource"] | null;
            totals: components["schemas"]["ConcurrencyTotals"];
            total_count: number;
            data: components["schemas"]["ConcurrencyBucket"][];
        };
        /** @description Concurrent participants in a bucket of time. */
        ConcurrencyBucket: {
            /** @description Start of the bucket: RFC 3339 with the offset of the time zone. */
            start: string;
            /** @description Unix seconds, rounded down. */
            start_time: number;
            /** @description Duration of the bucket, in seconds. */
            duration: number;
            /** @description Peak number of concurrent participants. */
            max_participants: number;
            /**
             * Format: date-time
             * @description Time when the peak was first reached; `null` without participants.
             */
            max_participants_at: string | null;
            /** @description Average number of concurrent participants, rounded down to four digits. */
            avg_participants: number;
        };
        /** @description Concurrent participants by the values of an attribute, the highest average first. */
        ConcurrencyByValue: {
            /** @description The time zone. */
            timezone: string;
            group_by: string;
            /** @description Start of the first bucket, in the same form. */
            from: string;
            /** @description End of the last bucket, in the same form. */
            to: string;
            /**
             * Format: date-time
             * @description Everything that happened before this time, and was reported, is included.
             */
            complete_until: string;
            /** @description The source or API key that holds `complete_until` back; `null` if there is none. */
            held_back_by: components["schemas"]["EventSource"] | null;
            totals: components["schemas"]["ConcurrencyTotals"];
            total_count: number;
            data: components["schemas"]["ValueConcurrency"][];
            remainder: components["schemas"]["ConcurrencyRemainder"] | null;
        };
        /** @description Concurrent participants of the values that are not listed. */
        ConcurrencyRemainder: {
            /** @description Number of values that are not listed. */
            groups: number;
            /** @description Average number of concurrent participants, rounded down to four digits. */
            avg_participants: number;
        };
        /** @description Concurrent participants in the whole time. */
        ConcurrencyTotals: {
            /** @description Peak number of concurrent participants. */
            max_participants: number;
            /**
             * Format: date-time
             * @description Time when the peak was first reached; `null` without participants.
             */
            max_participants_at: string | null;
            /** @description Average number of concurrent participants, rounded down to four digits. */
            avg_participants: number;
        };
        /** @description A meeting before or after a correction. */
        CorrectedMeeting: {
            /** @description The id of the meeting. */
            id: string;
            /** Format: date-time */
            start: string;
            /** Format: date-time */
            end: string | null;
            max_participants: number;
        };
        /** @description A stay before or after a correction. */
        CorrectedStay: {
            /** @description The id of the connection. */
            participant_id: string;
            /** Format: date-time */
            join: string;
            /** Format: date-time */
            leave: string | null;
            /**
             * @description How the stay ended; `null` while it lasts.
             * @enum {string|null}
             */
            left_by: "reported" | "room_ended" | "snapshot" | "timeout" | "room_restarted" | null;
            /** @description The user's id, if known. */
            user_id: string | null;
            /** @description The user's name, if known. */
            user_name: string | null;
        };
        /** @description The event that caused a correction. */
        CorrectingEvent: {
            /**
             * @description The kind of event.
             * @enum {string}
             */
            kind: "join" | "leave" | "end";
            /** @description The id of the connection; `null` if it is about the room. */
            participant_id: string | null;
            /** Format: date-time */
            at: string;
            /** @description The entries of the event log with this event. */
            log_entries: components["schemas"]["LogEntry"][];
        };
        /** @description A correction of stays and meetings after a late event. */
        Correction: {
            /** Format: date-time */
            at: string;
            /** @description The number of the rule. */
            rule: string;
            /** @description The case of the rule that applied. */
            reason: string;
            /** @description How late the event arrived, in seconds. */
            late_by_seconds: number;
            /** @description The same as a sentence. */
            message: string;
            event: components["schemas"]["CorrectingEvent"] | null;
            stays_before: components["schemas"]["CorrectedStay"][];
            stays_after: components["schemas"]["CorrectedStay"][];
            meetings_before: components["schemas"]["CorrectedMeeting"][];
            meetings_after: components["schemas"]["CorrectedMeeting"][];
        };
        /** @description Whether a domain is in the data-minimal mode. */
        DataMinimalBody: {
            /** @description Whether nothing that identifies a person is stored. */
            minimal: boolean;
        };
        /** @description The pattern of a rule that was deleted. */
        DeletedRetentionRule: {
            deleted: boolean;
            pattern: string;
        };
        /** @description The id of a webhook that was deleted. */
        DeletedWebhook: {
            deleted: boolean;
            uuid: string;
        };
        /** @description A page of deliveries, newest first. */
        Deliveries: {
            data: components["schemas"]["MessageDelivery"][];
        };
        /** @description A request to erase or to pseudonymize a person: exactly one of the fields that select the person is required. */
        ErasureRequest: {
            /** @description The id of the user. */
            user_id?: string;
            /** @description The id of a participant, in all rooms. */
            participant_id?: string;
            /**
             * @description One attribute of the person and its value.
             * @example {
             *       "email": "anna@example.com"
             *     }
             */
            attribute?: {
                [key: string]: string | number | boolean;
            };
            /**
             * @description `erase` removes names, user ids and attributes; `pseudonymize` removes them, too, and puts one pseudonym in the place of the user id in all rooms. Default: `erase`.
             * @enum {string}
             */
            mode?: "erase" | "pseudonymize";
            /** @description Whether to count only what would be changed. Default: `false`. */
            dry_run?: boolean;
        };
        /** @description The erasures of a domain. */
        Erasures: {
            data: components["schemas"]["ShownErasure"][];
        };
        /** @description An error. */
        Error: {
            /** @description The type of the error, which is stable: `authentication-error`, `authorization-header-error`, `forbidden-error`, `invalid-request-error`, `json-parsing-error`, `method-not-allowed`, `not-found`, `rate-limit-error`, `request-too-large`, `room-quarantined-error`, `server-error`, `unsupported-media-type`. */
            error: string;
            /** @description What is wrong, in a sentence. */
            info: string;
        };
        /** @description An event. Names have at most 512 characters and 1,024 bytes in UTF-8. An empty optional text means none. */
        EventBody: {
            /** @description The name of the room. */
            room: string;
            /**
             * @description The kind of event. `end`: the room was closed.
             * @enum {string}
             */
            kind: "join" | "leave" | "end";
            /** @description The id of the connection. Required for a join and a leave. */
            participant_id?: string | null;
            /** @description Unix seconds or RFC 3339. Default: now. */
            at?: (number | string) | null;
            /** @description The source's id of the event. Events with the same id count once. */
            id?: string | null;
            /** @description The user's id, if known. */
            user_id?: string | null;
            /** @description The user's name, if known. A name that is too long is cut. */
            user_name?: string | null;
            /** @description The source's id of the session. An end with it ends only this session. */
            source_session?: string | null;
            /** @description In a leave: time of the join, in case the join was lost. */
            joined_at?: (number | string) | null;
            /** @description In a join or a leave: the caller's own values by key, strings, numbers or booleans. At most 32 keys of 64 characters, and strings of 512. `role`, `email`, `customer`, `external_id` and `kind` have a meaning. */
            attributes?: {
                [key: string]: (string | number | boolean) | null;
            } | null;
        };
        /** @description Who sent an event: a source, a program with an API key, or an import of a file. */
        EventSource: {
            /**
             * @description The kind of the sender.
             * @enum {string}
             */
            type: "source" | "api_key" | "file";
            /** @description The kind of a source, like `livekit`; `null` for others. */
            kind: string | null;
            /** @description The name of the source or the API key, or the name of the file. */
            name: string;
            /** @description Whether the source was deleted, or the API key was revoked. */
            removed: boolean;
        };
        /** @description A join or leave of a participant who is excluded from meetings, for example a recorder. */
        ExcludedParticipant: {
            /**
             * @description The kind of event.
             * @enum {string}
             */
            kind: "join" | "leave" | "end";
            /** Format: date-time */
            at: string;
            /** @description The id of the connection. */
            participant_id: string;
            /** @description The user's id, if known. */
            user_id: string | null;
            /** @description The user's name, if known. */
            user_name: string | null;
            /**
             * @description The role of the participant.
             * @enum {string}
             */
            role: "person" | "phone" | "agent" | "recorder" | "stream" | "screen" | "hidden" | "unanswered" | "test";
            /** @description The same as a sentence. */
            message: string;
        };
        /** @description A user who was expected. */
        ExpectedUser: {
            /** @description The user's id. */
            user_id: string;
            /** @description The user's name. */
            user_name?: string | null;
        };
        /** @description Why a meeting is as it is. */
        Explanation: {
            /** @description The id of the meeting. */
            id: string;
            /** @description The name of the room. */
            room: string;
            /** @description Start of the meeting, in unix seconds. */
            start_time: number;
            /** @description Duration in seconds, rounded down; up to now while it is ongoing. Rounding is to the granularity. */
            duration: number;
            /** @description Whether the meeting has not ended yet. */
            ongoing: boolean;
            /** @description Peak number of participants. */
            max_participants: number;
            /** @description Ids of meetings that this one replaced after corrections. */
            previous_ids: string[];
            /** @description Why the meeting started. */
            start: components["schemas"]["ExplanationStep"] | null;
            /** @description Why the meeting ended; `null` while it is ongoing. */
            end: components["schemas"]["ExplanationStep"] | null;
            steps: components["schemas"]["ExplanationStep"][];
            corrections: components["schemas"]["Correction"][];
            excluded_participants: components["schemas"]["ExcludedParticipant"][];
            events: components["schemas"]["SourceEvent"][];
            /** @description Whether the event log has all events of the meeting. On a cluster, it is `false` in the first minutes; ask again later. */
            complete: boolean;
            /** @description Whether retention has deleted the events of the meeting. Then the explanation has no steps. */
            events_expired: boolean;
        };
        /** @description Something that happened, and the rule behind it. */
        ExplanationStep: {
            /**
             * @description What happened.
             * @enum {string}
             */
            type: "start" | "end" | "joined" | "named" | "left" | "too_short" | "ignored";
            /** Format: date-time */
            at: string;
            /** @description The number of the rule. */
            rule: string;
            /** @description The case of the rule that applied. */
            reason: string;
            /** @description The id of the connection; `null` if it is about the room. */
            participant_id: string | null;
            /** @description The same as a sentence. */
            message: string;
            /** @description The entries of the event log that the step rests on. */
            log_entries: components["schemas"]["LogEntry"][];
        };
        /** @description Accesses to the person: when what was read, exported or changed. Who did it is not exported. */
        ExportedAccess: {
            /**
             * Format: date-time
             * @description Time of the access, of the first one if there were several.
             */
            at: string;
            /** @description What was done, such as `person.read`. */
            action: string;
            /** @description Who did it: `key`, `session`, `share`, `command_line` or `system`. */
            actor_type: string;
            /** @description Route of the request, or the command. */
            detail: string;
            /** @description Number of accesses that are alike. */
            requests: number;
        };
        /** @description Corrections of the person's stays after late events. */
        ExportedCorrection: {
            /** @description Name of the room. */
            room: string;
            /**
             * Format: date-time
             * @description Time of the correction.
             */
            corrected_at: string;
            /** @description Reason of the correction. */
            reason: string;
            /** @description How late the event arrived, in seconds. */
            late_by_seconds: number;
            /** @description The late event, if it is about the person, and the person's stays before and after it. Times are milliseconds since 1970. */
            change: {
                [key: string]: unknown;
            };
        };
        /**
         * @description Requests of sources that could not be parsed and mention an id, a name or an address of the person.
         *
         *         Their bodies may contain data of others, and are not exported.
         */
        ExportedDeadLetter: {
            /** @description Number of the dead letter. */
            number: number;
            /** @description Name of the source. */
            source: string;
            /**
             * Format: date-time
             * @description Time when it was received.
             */
            received_at: string;
        };
        /** @description Attempts to deliver these messages to webhook endpoints: who received the data. */
        ExportedDelivery: {
            /** @description Id of the message. */
            message_id: string;
            /** @description Id of the webhook endpoint. */
            endpoint: string;
            /** @description Host of the endpoint. */
            recipient: string;
            /**
             * Format: date-time
             * @description Time of the attempt; null if the message waits for its first one.
             */
            at: string | null;
            /** @description Whether the endpoint answered 200. */
            delivered: boolean;
            /** @description HTTP status of the response; null without one. */
            status: number | null;
            /** @description Beginning of the response. */
            response: string | null;
            /** @description Why there was no response. */
            error: string | null;
        };
        /** @description Entries of the event log: what sources, programs and imports reported about the person. */
        ExportedEntry: {
            /** @description Name of the room. */
            room: string;
            /** @description Kind of the entry: `join`, `leave`, `end`, or `snapshot`, a list of those present. */
            kind: string;
            /**
             * Format: date-time
             * @description Time of the event.
             */
            at: string;
            /**
             * Format: date-time
             * @description Time when Headcount received it; null if the archive of a cluster has it.
             */
            received_at: string | null;
            /** @description Id of the participant; null in a snapshot. */
            participant_id: string | null;
            /** @description Id of the user, if it was reported. */
            user_id: string | null;
            /** @description Name of the user, if it was reported. */
            user_name: string | null;
            /** @description Attributes of the participant; null if there are none. */
            attributes: {
                [key: string]: unknown;
            } | null;
            /** @description What a snapshot lists about the person; null otherwise. */
            snapshot: {
                [key: string]: unknown;
            }[] | null;
            /** @description The source's own id of the session. */
            source_session: string | null;
            /**
             * Format: date-time
             * @description Time of the join, if a leave contains it.
             */
            joined_at: string | null;
            /** @description How Headcount inferred the event; null if it was reported. */
            inferred: string | null;
            /** @description Id that the sender gave the event. */
            event_id: string | null;
            /** @description How it came into the log: `live`, `imported` or `inferred`; null if the archive of a cluster has it. */
            origin: string | null;
            /** @description Source, API key or file that it came from. */
            sender: string | null;
            /** @description SHA-256 of the request or file that it was in, in hexadecimal. */
            sha256: string | null;
        };
        /** @description Joins and leaves of the person in a role that does not count, such as a recorder. */
        ExportedExclusion: {
            /** @description Name of the room. */
            room: string;
            /**
             * Format: date-time
             * @description Time of the event.
             */
            at: string;
            /** @description Kind of the event: `join` or `leave`. */
            kind: string;
            /** @description The role. */
            role: string;
            /** @description Id of the participant. */
            participant_id: string;
            /** @description Id of the user, if known. */
            user_id: string | null;
            /** @description Name of the user, if known. */
            user_name: string | null;
        };
        /** @description Meetings that the person attended, without their other participants. */
        ExportedMeeting: {
            /** @description Id of the meeting. */
            id: string;
            /** @description Name of the room. */
            room: string;
            /**
             * Format: date-time
             * @description Start of the meeting.
             */
            start: string;
            /**
             * Format: date-time
             * @description End of the meeting; null while it lasts.
             */
            end: string | null;
            /** @description Duration in seconds; null while it lasts. */
            duration_seconds: number | null;
        };
        /** @description Messages to webhooks and streams about joins and leaves of the person. */
        ExportedMessage: {
            /** @description Id of the message. */
            id: string;
            /** @description Type of the event. */
            type: string;
            /** @description Name of the room. */
            room: string;
            /**
             * Format: date-time
             * @description Time of the event.
             */
            at: string;
            /**
             * Format: date-time
             * @description Time when the message was written.
             */
            created_at: string;
            /** @description Content of the message. Times are milliseconds since 1970. */
            payload: {
                [key: string]: unknown;
            };
        };
        /** @description The participants that the person was. All other tables are about them. */
        ExportedParticipant: {
            /** @description Name of the room. */
            room: string;
            /** @description Id of the participant in the room. */
            participant_id: string;
        };
        /** @description Everything that is stored about a person. Data of other people is excluded. */
        ExportedPerson: {
            domain: string;
            /** @description What selected the person. */
            selector: components["schemas"]["PersonSelector"];
            /** Format: date-time */
            exported_at: string;
            participants: components["schemas"]["ExportedParticipant"][];
            log_entries: components["schemas"]["ExportedEntry"][];
            stays: components["schemas"]["ExportedStay"][];
            meetings: components["schemas"]["ExportedMeeting"][];
            corrections: components["schemas"]["ExportedCorrection"][];
            excluded_participants: components["schemas"]["ExportedExclusion"][];
            messages: components["schemas"]["ExportedMessage"][];
            deliveries: components["schemas"]["ExportedDelivery"][];
            dead_letters: components["schemas"]["ExportedDeadLetter"][];
            shared_links: components["schemas"]["ExportedShare"][];
            accesses: components["schemas"]["ExportedAccess"][];
        };
        /** @description Valid shared links to meetings and rooms in which the person is or was. */
        ExportedShare: {
            /** @description Name of the link. */
            name: string;
            /** @description Whether it shows a `meeting` or a `room`. */
            subject_kind: string;
            /** @description Id of the meeting, or name of the room. */
            subject: string;
            /** @description Whether it shows names, or numbers in their place. */
            shows_names: boolean;
            /**
             * Format: date-time
             * @description Time when it was created.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description Time when it expires.
             */
            expires_at: string;
        };
        /** @description Stays: each time from a join to a leave. */
        ExportedStay: {
            /** @description Name of the room. */
            room: string;
            /**
             * Format: date-time
             * @description Time of the join.
             */
            join: string;
            /**
             * Format: date-time
             * @description Time of the leave; null while it lasts.
             */
            leave: string | null;
            /** @description Duration in seconds; null while it lasts. */
            duration_seconds: number | null;
            /** @description How it ended: `reported`, `room_ended`, `snapshot`, `timeout` or `room_restarted`. */
            left_by: string | null;
            /** @description Id of the participant. */
            participant_id: string;
            /** @description Id of the user, if known. */
            user_id: string | null;
            /** @description Name of the user, if known. */
            user_name: string | null;
            /** @description Attributes of the participant; null if there are none. */
            attributes: {
                [key: string]: unknown;
            } | null;
            /** @description Whether it is part of meetings and counts. A stay that is too short is not. */
            counts: boolean;
        };
        /** @description The result of an inbound request. */
        InboundResult: {
            /**
             * @description `ignored`: the payload contains no event to count. `dead_letter`: the payload could not be parsed and is stored.
             * @enum {string}
             */
            status: "accepted" | "ignored" | "dead_letter";
            /** @description Number of new events. */
            accepted: number;
            /** @description Number of events that were known already. */
            duplicates: number;
            /** @description Number of events of excluded participants. */
            excluded?: number;
            /** @description The end of the log, as an opaque cursor. */
            position?: string;
            /** @description Why the request, or a part of it, could not be parsed. */
            info?: string;
        };
        /** @description The result of ingesting events. */
        IngestResult: {
            /** @description Number of new events. */
            accepted: number;
            /** @description Number of events that were known already. */
            duplicates: number;
            /** @description The end of the log, as an opaque cursor of your domain. */
            position: string;
        };
        /** @description The API key of the request. */
        KeyInfo: {
            /** @description The name of the key; its id if it has none. */
            name: string;
            /** @description The domain of the key. */
            domain: string;
            /** @description The scopes of the key. `admin` includes all. */
            scopes: ("ingest" | "read" | "admin")[];
        };
        /** @description The legal holds of a domain, the oldest first. */
        LegalHolds: {
            data: components["schemas"]["ShownLegalHold"][];
        };
        /** @description An entry of the event log, and the request or file that it is from. */
        LogEntry: {
            /** @description The position in the log, as an opaque cursor. No other entry has it. */
            position: string;
            /** @description The id of the event, if it has one. */
            event_id: string | null;
            /**
             * Format: date-time
             * @description Time when Headcount received the request or read the file.
             */
            received_at: string;
            /** @description Who sent it; `null` if that is not recorded. */
            source: components["schemas"]["EventSource"] | null;
            /** @description SHA-256 of the body of the request, or of the file, in hexadecimal; `null` if there was none. */
            sha256: string | null;
        };
        /** @description A meeting session. */
        Meeting: {
            /** @description The id of the meeting. */
            id: string;
            /** @description The name of the room. */
            room: string;
            /** @description Start of the meeting, in unix seconds. */
            start_time: number;
            /** @description Duration in seconds, rounded down; up to now while it is ongoing. Rounding is to the granularity. */
            duration: number;
            /** @description Whether the meeting has not ended yet. */
            ongoing: boolean;
            /** @description Peak number of participants. */
            max_participants: number;
        };
        /** @description A meeting, its sides in the order of the request, and their time together. */
        MeetingTogether: {
            /** @description The id of the meeting. */
            id: string;
            /** @description The name of the room. */
            room: string;
            /** @description Start of the meeting, in unix seconds. */
            start_time: number;
            /** @description Duration in seconds, rounded down; up to now while it is ongoing. Rounding is to the granularity. */
            duration: number;
            /** @description Whether the meeting has not ended yet. */
            ongoing: boolean;
            /** @description Peak number of participants. */
            max_participants: number;
            sides: components["schemas"]["TogetherSide"][];
            together: components["schemas"]["TogetherTime"];
        };
        /** @description A meeting session with its participants. */
        MeetingWithParticipants: {
            /** @description The id of the meeting. */
            id: string;
            /** @description The name of the room. */
            room: string;
            /** @description Start of the meeting, in unix seconds. */
            start_time: number;
            /** @description Duration in seconds, rounded down; up to now while it is ongoing. Rounding is to the granularity. */
            duration: number;
            /** @description Whether the meeting has not ended yet. */
            ongoing: boolean;
            /** @description Peak number of participants. */
            max_participants: number;
            /** @description Participants by join time; absent with `no_participants=true`. */
            participants?: components["schemas"]["Participant"][];
        };
        /** @description A page of meetings. */
        Meetings: {
            /** @description Number of all meetings that match, on every page. */
            total_count: number;
            data: components["schemas"]["MeetingWithParticipants"][];
        };
        /** @description The delivery of a message to a webhook, with all attempts. */
        MessageDelivery: {
            id: string;
            type: string;
            room: string;
            /** Format: date-time */
            created_at: string;
            /**
             * @description Whether the message was delivered, waits, or failed.
             * @enum {string}
             */
            state: "delivered" | "pending" | "failed";
            /** Format: date-time */
            next_attempt_at: string | null;
            reason: string | null;
            attempts: components["schemas"]["WebhookAttempt"][];
        };
        /** @description A legal hold to create. */
        NewLegalHold: {
            /**
             * @description What is protected.
             * @enum {string}
             */
            kind: "meeting" | "room" | "user";
            /** @description The ID of a meeting, the name of a room, or the ID of a user. */
            subject: string;
            /** @description Why, like the number of a case. */
            reason: string;
        };
        /** @description A webhook to create. */
        NewWebhook: {
            /** @description Event types to send. Default, also of an empty list: `meeting.started`, `meeting.ended`, `participant.joined`, `participant.left`. */
            eventTypes?: ("meeting.started" | "meeting.ended" | "meeting.updated" | "participant.joined" | "participant.left" | "waiting-participant.joined" | "waiting-participant.left" | "recording.started" | "recording.ready-to-download" | "recording.error" | "transcript.started" | "transcript.ready-to-download" | "transcript.error" | "streaming.started" | "streaming.updated" | "streaming.ended" | "streaming.error" | "batch-processor.job-finished" | "batch-processor.error" | "dialout.connected" | "dialout.answered" | "dialout.stopped" | "dialout.warning" | "dialout.error" | "dialin.ready" | "dialin.connected" | "dialin.stopped" | "dialin.warning" | "dialin.error" | "calltransfer.triggered" | "calltransfer.initiated" | "calltransfer.answered" | "calltransfer.completed")[];
            /**
             * @description The policy after a failed attempt.
             * @enum {string}
             */
            retryType?: "circuit-breaker" | "exponential";
            /** @description Sent as `Authorization: Basic`: user:password, or base64 of it. */
            basicAuth?: string | null;
            /** @description A secret, base64. */
            hmac?: string;
            /** @description Whether payloads of Daily's event types have Headcount's fields, too. Default: `false`. An answer contains it only if it is `true`. Headcount extension. */
            extensions?: boolean;
            /** @description https, or http to this machine. */
            url: string;
        };
        /** @description A participant's unbroken time in a meeting. */
        Participant: {
            /** @description The user's id, if known. */
            user_id: string | null;
            /** @description The id of the connection. */
            participant_id: string;
            /** @description The user's name, if known. */
            user_name: string | null;
            /** @description Time of the join, in unix seconds. */
            join_time: number;
            /** @description Duration in seconds, rounded down; up to now while it is ongoing. Rounding is to the granularity. */
            duration: number;
            /** @description Attributes of the participant, each a string, a number or a boolean; absent without `include=attributes`. */
            attributes?: Record<string, never>;
        };
        /** @description A page of participants. */
        Participants: {
            /** @description Participants by join time. */
            data: components["schemas"]["Participant"][];
        };
        /** @description The participants who were in a room `at` a time, or from `from` until `to`, by join time. */
        PastPresence: {
            /** @description The name of the room. */
            room: string;
            total_count: number;
            data: components["schemas"]["RoomStay"][];
            /** Format: date-time */
            at?: string;
            /** Format: date-time */
            from?: string;
            /** Format: date-time */
            to?: string;
        };
        /** @description A person: exactly one of the fields is required. */
        PersonSelector: {
            /** @description The id of the user. */
            user_id?: string;
            /** @description The id of a participant, in all rooms. */
            participant_id?: string;
            /**
             * @description One attribute of the person and its value.
             * @example {
             *       "email": "anna@example.com"
             *     }
             */
            attribute?: {
                [key: string]: string | number | boolean;
            };
        };
        /** @description A participant who is in a room now. */
        PresentParticipant: {
            /** @description The name of the room. */
            room: string;
            /** @description The id of the connection: its `participant_id`. */
            id: string;
            /** @description The user's id, if known. */
            userId: string | null;
            /** @description The user's name, if known. */
            userName: string | null;
            /**
             * Format: date-time
             * @description Time of the join.
             */
            joinTime: string;
            /** @description Duration in seconds, rounded down; up to now while it is ongoing. Rounding is to the granularity. */
            duration: number;
            /** @description The id of the ongoing meeting; absent before there is one. */
            mtgSessionId?: string;
            /** @description Attributes of the participant, each a string, a number or a boolean; absent without `include=attributes`. */
            attributes?: Record<string, never>;
        };
        /** @description A participant who is in a room now. */
        PresentParticipantBody: {
            participant_id: string;
            user_id?: string | null;
            user_name?: string | null;
            attributes?: {
                [key: string]: (string | number | boolean) | null;
            } | null;
        };
        /** @description A room whose events could not be processed. */
        QuarantinedRoom: {
            /** @description The name of the room. */
            room: string;
            /** @description The error that stopped the room. */
            reason: string;
            /** Format: date-time */
            since: string;
            attempts: number;
            /** Format: date-time */
            retry_at: string;
        };
        /** @description The quarantined rooms of the domain, those quarantined longest first. */
        QuarantinedRooms: {
            total_count: number;
            data: components["schemas"]["QuarantinedRoom"][];
        };
        /** @description Which messages to send again. Conditions are combined; at least one is required. */
        Resend: {
            /** @description The id of a message. */
            id?: string;
            /** @description Ids of messages. */
            ids?: string[];
            /** @description The name of a room. */
            room?: string;
            /** @description Only messages that failed. */
            failed?: boolean;
            /** @description End of the time in `event_ts`. */
            to?: number | string;
            /** @description Start of the time in `event_ts`. */
            from?: number | string;
        };
        /** @description The number of messages that are sent again. */
        Resent: {
            resent: number;
        };
        /** @description How much of the rooms of a rule has reached the end of its time. */
        RetentionPreview: {
            /** @description Names of rooms, in which `*` is any text. */
            pattern: string;
            /** @description Number of rooms to which the rule applies. */
            rooms: number;
            /** @description Number of stays whose names have reached the end of their time. */
            stays_with_names: number;
            events: number;
            meetings: number;
        };
        /** @description What has reached the end of its time under each rule. Legal holds are not considered. */
        RetentionPreviews: {
            data: components["schemas"]["RetentionPreview"][];
        };
        /** @description How long names, events and meetings of rooms are stored. At least one of the three is required. */
        RetentionRuleBody: {
            /** @description Names of rooms, in which `*` is any text. */
            pattern: string;
            /** @description Days after which names and IDs are removed. Default: `events_days`. */
            names_days?: number | null;
            /** @description Days after which events are deleted. Default: `meetings_days`. */
            events_days?: number | null;
            /** @description Days after which meetings are deleted. Default: never. */
            meetings_days?: number | null;
        };
        /** @description The retention rules of a domain. */
        RetentionRules: {
            data: components["schemas"]["ShownRetentionRule"][];
        };
        /** @description A room. */
        Room: {
            /** @description The id of the room: its name. */
            id: string;
            /** @description The name of the room. */
            name: string;
            /**
             * Format: date-time
             * @description Time of the first event.
             */
            created_at: string;
            /**
             * @description Always `false`: Headcount creates no rooms.
             * @default false
             */
            api_created: boolean;
            /**
             * @description Always `public`, Daily's default: Headcount does not know it.
             * @default public
             */
            privacy: string;
            /**
             * @description Always empty: Headcount does not know the settings of rooms.
             * @default {}
             */
            config: {
                [key: string]: string;
            };
            /** @description The address of the room; absent unless the setting `room_url` is set. */
            url?: string;
        };
        /** @description The participants who are in a room now. */
        RoomPresence: {
            /** @description Number of participants that match, whatever the limit. */
            total_count: number;
            data: components["schemas"]["PresentParticipant"][];
        };
        /** @description A participant's unbroken time in a room, whatever meetings it was part of. */
        RoomStay: {
            /** @description The user's id, if known. */
            user_id: string | null;
            /** @description The id of the connection. */
            participant_id: string;
            /** @description The user's name, if known. */
            user_name: string | null;
            /** @description Time of the join, in unix seconds. */
            join_time: number;
            /** @description Time of the last leave, in unix seconds; `null` before it. */
            leave_time: number | null;
            /** @description Duration in seconds, rounded down; up to now while it is ongoing. Rounding is to the granularity. */
            duration: number;
            /**
             * @description How the stay ended; `null` while it lasts.
             * @enum {string|null}
             */
            left_by: "reported" | "room_ended" | "snapshot" | "timeout" | "room_restarted" | null;
            /** @description Attributes of the participant, each a string, a number or a boolean; absent without `include=attributes`. */
            attributes?: Record<string, never>;
        };
        /** @description Usage of a room. */
        RoomUsage: {
            /** @description The name of the room. */
            room: string;
            /** @description Number of meetings that started. */
            meetings: number;
            /** @description Total time of all participants, in seconds, rounded down once. */
            participant_seconds: number;
            /** @description Peak number of concurrent participants. */
            max_participants: number;
        };
        /** @description A page of rooms. */
        Rooms: {
            /** @description Number of all rooms of the domain, on every page. */
            total_count: number;
            data: components["schemas"]["Room"][];
        };
        /** @description The expected users, and the parameters of GET. */
        Roster: {
            /** @description Expected users, as objects or as ids. */
            expected: (string | components["schemas"]["ExpectedUser"])[];
            /** @description Scheduled start: unix seconds or RFC 3339. Default: the meeting's start. */
            starts_at?: number | string;
            /** @description Scheduled end, in the same form. Default: the meeting's end. */
            ends_at?: number | string;
            /** @description Minimum part of the scheduled time, from 0 to 1. A person who attends less is `partial`. Default: 0.5. */
            min_attendance_ratio?: number;
            /** @description A person who joins more than this many seconds after the scheduled start is `late`. Default: 300. */
            late_after_seconds?: number;
            /** @description A person who leaves more than this many seconds before the scheduled end has `left_early`. Default: 300. */
            left_early_before_seconds?: number;
        };
        /** @description A source, or an API key that sends events. */
        SenderStatus: {
            source: components["schemas"]["EventSource"];
            /**
             * Format: date-time
             * @description Everything that happened before this time, and was reported, is included.
             */
            complete_until: string;
            /**
             * Format: date-time
             * @description Time of the last request with events; `null` if there was none.
             */
            last_request_at: string | null;
            /**
             * Format: date-time
             * @description Time of the last successful poll; `null` if there was none.
             */
            last_poll_at: string | null;
        };
        /** @description An erasure, or the preview of one. */
        ShownErasure: {
            /** @description The number of the erasure; `null` in a preview. */
            number: number | null;
            /**
             * @description Whether it is a preview, is still to be carried out, is being carried out, or is done.
             * @enum {string}
             */
            state: "preview" | "pending" | "running" | "done";
            /**
             * @description What takes the place of the user id.
             * @enum {string}
             */
            mode: "erase" | "pseudonymize";
            /**
             * @description By what the person was selected.
             * @enum {string}
             */
            selected_by: "user_id" | "participant_id" | "attribute";
            /** @description The key of the attribute that selected the person. */
            attribute: string | null;
            /** @description What selected the person; `null` once it is done. */
            value: string | null;
            /**
             * Format: date-time
             * @description Events up to this time are erased, also if they arrive later.
             */
            until: string;
            /** Format: date-time */
            requested_at: string;
            /** @description Who requested it. */
            requested_by: string;
            /**
             * Format: date-time
             * @description When it was done.
             */
            finished_at: string | null;
            /** @description Number of changed rows, by their kind. In a preview, those that would change. */
            counts: {
                [key: string]: number;
            };
            /** @description In a preview, numbers of the legal holds that prevent the erasure. */
            legal_holds: number[];
        };
        /** @description A legal hold: no retention rule and no erasure deletes what it protects until it is released. */
        ShownLegalHold: {
            number: number;
            /**
             * @description What is protected.
             * @enum {string}
             */
            kind: "meeting" | "room" | "user";
            subject: string;
            reason: string;
            /** Format: date-time */
            created_at: string;
            created_by: string;
            /** Format: date-time */
            released_at: string | null;
            released_by: string | null;
        };
        /** @description A retention rule. Of several that match a room, the one with the most characters besides `*` applies alone. */
        ShownRetentionRule: {
            /** @description Names of rooms, in which `*` is any text. */
            pattern: string;
            /** @description Days after which names and IDs are removed; `null` is never. */
            names_days: number | null;
            /** @description Days after which events are deleted; `null` is never. */
            events_days: number | null;
            /** @description Days after which meetings are deleted; `null` is never. */
            meetings_days: number | null;
            /** Format: date-time */
            updated_at: string;
        };
        /** @description The participants who are in a room. */
        SnapshotBody: {
            participants: components["schemas"]["PresentParticipantBody"][];
            /** @description Unix seconds or RFC 3339. Default: now. */
            at?: (number | string) | null;
        };
        /** @description An event of the log. */
        SourceEvent: {
            /**
             * @description The kind of event.
             * @enum {string}
             */
            kind: "join" | "leave" | "end";
            /** Format: date-time */
            at: string;
            /** @description The id of the connection; `null` if it is about the room. */
            participant_id: string | null;
            /** @description The user's id, if known. */
            user_id: string | null;
            /** @description The user's name, if known. */
            user_name: string | null;
            /** @description The source's own id of the session. */
            source_session: string | null;
            /**
             * Format: date-time
             * @description Time of the join, if a leave contains it.
             */
            joined_at: string | null;
            /**
             * @description How the event was inferred; `null` if it was reported.
             * @enum {string|null}
             */
            inferred: "snapshot" | "timeout" | "room_restarted" | null;
            log_entry: components["schemas"]["LogEntry"];
            /** @description Attributes of the participant, each a string, a number or a boolean; absent without `include=attributes`. */
            attributes?: Record<string, never>;
        };
        /** @description An interval during which all sides were in the meeting. */
        TogetherInterval: {
            /** @description Start, in unix seconds. */
            start_time: number;
            /** @description End, in unix seconds; `null` while all sides are in. */
            end_time: number | null;
            /** @description Duration in seconds, rounded down; up to now while it is ongoing. Rounding is to the granularity. */
            duration: number;
            /** @description Whether the end rests on an inferred leave, whose time is less certain than a reported one. */
            end_inferred: boolean;
        };
        /** @description The time of one side, whatever the others. */
        TogetherSide: {
            /** @description The name of the side in the request; else the value of its condition. */
            name: string;
            /** @description The accepted values of each condition. Empty for `others`. */
            conditions: {
                [key: string]: string[];
            };
            /** @description Number of persons: users, and connections whose user is unknown. */
            people: number;
            /** @description Time of the first join, in unix seconds; `null` without people. */
            join_time: number | null;
            /** @description Time of the last leave, in unix seconds; `null` before it. */
            leave_time: number | null;
            /** @description Time with at least one of them in the meeting, in seconds. */
            duration: number;
        };
        /** @description The time during which all sides were in the meeting. `duration` is rounded once, not for each interval. */
        TogetherTime: {
            /** @description Start of the first interval; `null` if the sides were never together. */
            start_time: number | null;
            /** @description End of the last interval; `null` while all sides are in. */
            end_time: number | null;
            /** @description Duration in seconds, rounded down; up to now while it is ongoing. Rounding is to the granularity. */
            duration: number;
            intervals: components["schemas"]["TogetherInterval"][];
        };
        /** @description Usage by time, in order. */
        Usage: {
            /** @description The time zone. */
            timezone: string;
            group_by: string;
            /** @description Start of the first bucket, in the same form. */
            from: string;
            /** @description End of the last bucket, in the same form. */
            to: string;
            /**
             * Format: date-time
             * @description Everything that happened before this time, and was reported, is included.
             */
            complete_until: string;
            /** @description The source or API key that holds `complete_until` back; `null` if there is none. */
            held_back_by: components["schemas"]["EventSource"] | null;
            totals: components["schemas"]["UsageTotals"];
            total_count: number;
            data: components["schemas"]["UsageBucket"][];
        };
        /** @description Usage in a bucket of time. */
        UsageBucket: {
            /** @description Start of the bucket: RFC 3339 with the offset of the time zone. */
            start: string;
            /** @description Unix seconds, rounded down. */
            start_time: number;
            /** @description Duration of the bucket, in seconds. */
            duration: number;
            /** @description Number of meetings that started. */
            meetings: number;
            /** @description Total time of all participants, in seconds, rounded down once. */
            participant_seconds: number;
            /** @description Peak number of concurrent participants. */
            max_participants: number;
        };
        /** @description Usage by room, at most 10,000, by participant time. */
        UsageByRoom: {
            /** @description The time zone. */
            timezone: string;
            group_by: string;
            /** @description Start of the first bucket, in the same form. */
            from: string;
            /** @description End of the last bucket, in the same form. */
            to: string;
            /**
             * Format: date-time
             * @description Everything that happened before this time, and was reported, is included.
             */
            complete_until: string;
            /** @description The source or API key that holds `complete_until` back; `null` if there is none. */
            held_back_by: components["schemas"]["EventSource"] | null;
            totals: components["schemas"]["UsageTotals"];
            total_count: number;
            data: components["schemas"]["RoomUsage"][];
        };
        /** @description Usage by the values of an attribute, most participant time first. */
        UsageByValue: {
            /** @description The time zone. */
            timezone: string;
            group_by: string;
            /** @description Start of the first bucket, in the same form. */
            from: string;
            /** @description End of the last bucket, in the same form. */
            to: string;
            /**
             * Format: date-time
             * @description Everything that happened before this time, and was reported, is included.
             */
            complete_until: string;
            /** @description The source or API key that holds `complete_until` back; `null` if there is none. */
            held_back_by: components["schemas"]["EventSource"] | null;
            totals: components["schemas"]["UsageTotals"];
            total_count: number;
            data: components["schemas"]["ValueUsage"][];
            remainder: components["schemas"]["UsageRemainder"] | null;
        };
        /** @description Usage of the values that are not listed, added up. */
        UsageRemainder: {
            /** @description Number of values that are not listed. */
            groups: number;
            /** @description Sum of the numbers of the groups. */
            meetings: number;
            /** @description Total time of all participants, in seconds, rounded down once. */
            participant_seconds: number;
        };
        /** @description Usage in the whole time. */
        UsageTotals: {
            /** @description Number of meetings that started. */
            meetings: number;
            /** @description Total time of all participants, in seconds, rounded down once. */
            participant_seconds: number;
            /** @description Peak number of concurrent participants. */
            max_participants: number;
        };
        /** @description A meeting session and a user's part in it. */
        UserMeeting: {
            /** @description The id of the meeting. */
            id: string;
            /** @description The name of the room. */
            room: string;
            /** @description Start of the meeting, in unix seconds. */
            start_time: number;
            /** @description Duration in seconds, rounded down; up to now while it is ongoing. Rounding is to the granularity. */
            duration: number;
            /** @description Whether the meeting has not ended yet. */
            ongoing: boolean;
            /** @description Peak number of participants. */
            max_participants: number;
            /** @description Participants by join time; absent with `no_participants=true`. */
            participants?: components["schemas"]["Participant"][];
            attended: components["schemas"]["Attended"];
        };
        /** @description A page of a user's meetings. */
        UserMeetings: {
            /** @description Number of all meetings that match, on every page. */
            total_count: number;
            data: components["schemas"]["UserMeeting"][];
        };
        /** @description Concurrent participants with a value of an attribute. */
        ValueConcurrency: {
            /** @description The value: a string as it is, a number or boolean as JSON. `null` for participants without the attribute. */
            value: string | null;
            /** @description Peak number of concurrent participants. */
            max_participants: number;
            /**
             * Format: date-time
             * @description Time when the peak was first reached; `null` without participants.
             */
            max_participants_at: string | null;
            /** @description Average number of concurrent participants, rounded down to four digits. */
            avg_participants: number;
        };
        /** @description Usage of the participants with a value of an attribute. */
        ValueUsage: {
            /** @description The value: a string as it is, a number or boolean as JSON. `null` for participants without the attribute. */
            value: string | null;
            /** @description Number of meetings that started and had a participant of the group. A meeting can count in several groups. */
            meetings: number;
            /** @description Total time of all participants, in seconds, rounded down once. */
            participant_seconds: number;
            /** @description Peak number of concurrent participants. */
            max_participants: number;
        };
        /** @description A webhook endpoint, with Daily's fields. Fields without a value are absent. */
        Webhook: {
            uuid: string;
            url: string;
            /** @description The secret for signatures, base64. */
            hmac: string;
            /** @description Sent as `Authorization: Basic`. */
            basicAuth?: string;
            /**
             * @description The policy after a failed attempt.
             * @enum {string}
             */
            retryType: "circuit-breaker" | "exponential";
            /** @description Event types to send. Default, also of an empty list: `meeting.started`, `meeting.ended`, `participant.joined`, `participant.left`. */
            eventTypes: ("meeting.started" | "meeting.ended" | "meeting.updated" | "participant.joined" | "participant.left" | "waiting-participant.joined" | "waiting-participant.left" | "recording.started" | "recording.ready-to-download" | "recording.error" | "transcript.started" | "transcript.ready-to-download" | "transcript.error" | "streaming.started" | "streaming.updated" | "streaming.ended" | "streaming.error" | "batch-processor.job-finished" | "batch-processor.error" | "dialout.connected" | "dialout.answered" | "dialout.stopped" | "dialout.warning" | "dialout.error" | "dialin.ready" | "dialin.connected" | "dialin.stopped" | "dialin.warning" | "dialin.error" | "calltransfer.triggered" | "calltransfer.initiated" | "calltransfer.answered" | "calltransfer.completed")[];
            /**
             * @description Whether messages are sent, or wait until the webhook is changed.
             * @enum {string}
             */
            state: "ACTIVE" | "FAILED";
            /** @description Number of consecutive failures. */
            failedCount: number;
            /**
             * Format: date-time
             * @description Time of the last attempt.
             */
            lastMomentPushed?: string;
            domainId: string;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
            /** @description Whether payloads of Daily's event types have Headcount's fields, too. Default: `false`. An answer contains it only if it is `true`. Headcount extension. */
            extensions?: boolean;
        };
        /** @description An attempt to deliver a message. */
        WebhookAttempt: {
            /** Format: date-time */
            at: string;
            /** @description Whether the endpoint answered 200. */
            delivered: boolean;
            /** @description The HTTP status; `null` without a response. */
            status: number | null;
            latency_ms: number;
            /** @description The first kilobyte of the response body. */
            response: string;
            /** @description Why there was no response. */
            error: string | null;
        };
        /** @description Fields of a webhook to change. All are optional. */
        WebhookChange: {
            /** @description https, or http to this machine. */
            url?: string;
            /** @description Event types to send. Default, also of an empty list: `meeting.started`, `meeting.ended`, `participant.joined`, `participant.left`. */
            eventTypes?: ("meeting.started" | "meeting.ended" | "meeting.updated" | "participant.joined" | "participant.left" | "waiting-participant.joined" | "waiting-participant.left" | "recording.started" | "recording.ready-to-download" | "recording.error" | "transcript.started" | "transcript.ready-to-download" | "transcript.error" | "streaming.started" | "streaming.updated" | "streaming.ended" | "streaming.error" | "batch-processor.job-finished" | "batch-processor.error" | "dialout.connected" | "dialout.answered" | "dialout.stopped" | "dialout.warning" | "dialout.error" | "dialin.ready" | "dialin.connected" | "dialin.stopped" | "dialin.warning" | "dialin.error" | "calltransfer.triggered" | "calltransfer.initiated" | "calltransfer.answered" | "calltransfer.completed")[];
            /**
             * @description The policy after a failed attempt.
             * @enum {string}
             */
            retryType?: "circuit-breaker" | "exponential";
            /** @description Sent as `Authorization: Basic`: user:password, or base64 of it. */
            basicAuth?: string | null;
            /** @description A secret, base64. */
            hmac?: string;
            /** @description Whether payloads of Daily's event types have Headcount's fields, too. Default: `false`. An answer contains it only if it is `true`. Headcount extension. */
            extensions?: boolean;
        };
        /** @description All valid secrets of a webhook, the newest first. */
        WebhookSecrets: {
            /** @description Messages are signed with each of them. The first is the `hmac` of the webhook. */
            secrets: string[];
        };
        /** @description The result of a ping. */
        WebhookTest: {
            /** @description Whether the endpoint answered 200. */
            delivered: boolean;
            /** @description The HTTP status; `null` without a response. */
            status: number | null;
            latency_ms: number;
            /** @description The first kilobyte of the response body. */
            response: string;
            /** @description Why there was no response. */
            error: string | null;
        };
    };
    responses: {
        /** @description `invalid-request-error`: A parameter or field is missing or invalid. `json-parsing-error`: The body is not valid JSON. `authorization-header-error`: The request has no API key. */
        400: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `authentication-error`: The API key or the signature is not valid. */
        401: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `forbidden-error`: The API key lacks the scope. */
        403: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `not-found`: There is no such meeting, room, webhook, source or path. */
        404: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `invalid-request-error`: The body took too long. */
        408: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `request-too-large`: The body is too large. */
        413: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `unsupported-media-type`: The body is compressed or not text. */
        415: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `rate-limit-error`: Too many requests, active rooms or streams. */
        429: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `server-error`: Internal error. */
        500: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description `server-error`: The database is unavailable, or the server is busy. `room-quarantined-error`: The events are stored, but their room could not be processed. */
        503: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listMeetings: {
        parameters: {
            query?: {
                /** @description Only meetings in the room with this name. */
                room?: string;
                /** @description Only meetings that started at this unix second or later. */
                timeframe_start?: number;
                /** @description Only meetings that started before this unix second. */
                timeframe_end?: number;
                /** @description Maximum number of results. More than 100 means 100. */
                limit?: number;
                /** @description The id of a meeting: the page starts with the next one in the list. */
                starting_after?: string;
                /** @description The id of a meeting: the page ends with the previous one in the list. `OLDEST` means the page with the oldest meetings. */
                ending_before?: string;
                /** @description `true`: only ongoing meetings; `false`: only meetings that have ended. */
                ongoing?: boolean;
                /** @description `true` omits `participants` from every meeting. */
                no_participants?: boolean;
                /** @description Only meetings that this user took part in. Headcount extension. */
                user_id?: string;
                /** @description Minimum peak number of participants (`max_participants`). Headcount extension. */
                min_participants?: number;
                /** @description Minimum `duration`, in seconds. Headcount extension. */
                min_duration?: number;
                /** @description Only meetings that took place at this time or later, even if they started before: unix seconds or RFC 3339. With `to`: the meetings that overlap a period. Headcount extension. */
                from?: number | string;
                /** @description Only meetings that had started before this time: unix seconds or RFC 3339. Headcount extension. */
                to?: number | string;
                /** @description `asc` lists the oldest first. Headcount extension. */
                order?: "asc" | "desc";
                /** @description `attributes` adds the attributes of each participant. Headcount extension. */
                include?: "attributes"[];
                /** @description Only what belongs to participants with this value of the attribute `role`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.role"?: string;
                /** @description Only what belongs to participants with this value of the attribute `email`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.email"?: string;
                /** @description Only what belongs to participants with this value of the attribute `customer`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.customer"?: string;
                /** @description Only what belongs to participants with this value of the attribute `external_id`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.external_id"?: string;
                /** @description Only what belongs to participants with this value of the attribute `kind`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.kind"?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description Everything that happened before this time, and was reported, is included. RFC 3339 in UTC. */
                    "Headcount-Complete-Until"?: string;
                    /** @description The source or API key that holds this time back: `source/KIND/NAME` or `api_key/NAME`, percent-encoded. Absent if there is none. */
                    "Headcount-Held-Back-By"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Meetings"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    getMeeting: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a meeting. An id that a correction replaced leads to the meeting in its place. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The path of the meeting, if a correction replaced the id in the request. */
                    "Content-Location"?: string;
                    /** @description Everything that happened before this time, and was reported, is included. RFC 3339 in UTC. */
                    "Headcount-Complete-Until"?: string;
                    /** @description The source or API key that holds this time back: `source/KIND/NAME` or `api_key/NAME`, percent-encoded. Absent if there is none. */
                    "Headcount-Held-Back-By"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Meeting"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    listMeetingParticipants: {
        parameters: {
            query?: {
                /** @description Maximum number of results. More than 100 means 100. */
                limit?: number;
                /** @description A `participant_id` of this meeting: only entries after the last one of this participant. */
                joined_after?: string;
                /** @description A `participant_id` of this meeting: only entries before the last one of this participant, and of them the nearest. */
                joined_before?: string;
                /** @description `attributes` adds the attributes of each participant. Headcount extension. */
                include?: "attributes"[];
                /** @description Only what belongs to participants with this value of the attribute `role`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.role"?: string;
                /** @description Only what belongs to participants with this value of the attribute `email`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.email"?: string;
                /** @description Only what belongs to participants with this value of the attribute `customer`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.customer"?: string;
                /** @description Only what belongs to participants with this value of the attribute `external_id`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.external_id"?: string;
                /** @description Only what belongs to participants with this value of the attribute `kind`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.kind"?: string;
            };
            header?: never;
            path: {
                /** @description The id of a meeting. An id that a correction replaced leads to the meeting in its place. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The path of the meeting, if a correction replaced the id in the request. */
                    "Content-Location"?: string;
                    /** @description Everything that happened before this time, and was reported, is included. RFC 3339 in UTC. */
                    "Headcount-Complete-Until"?: string;
                    /** @description The source or API key that holds this time back: `source/KIND/NAME` or `api_key/NAME`, percent-encoded. Absent if there is none. */
                    "Headcount-Held-Back-By"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Participants"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    listUserMeetings: {
        parameters: {
            query?: {
                /** @description Only meetings in the room with this name. */
                room?: string;
                /** @description Only meetings that started at this unix second or later. */
                timeframe_start?: number;
                /** @description Only meetings that started before this unix second. */
                timeframe_end?: number;
                /** @description Maximum number of results. More than 100 means 100. */
                limit?: number;
                /** @description The id of a meeting: the page starts with the next one in the list. */
                starting_after?: string;
                /** @description The id of a meeting: the page ends with the previous one in the list. `OLDEST` means the page with the oldest meetings. */
                ending_before?: string;
                /** @description `true`: only ongoing meetings; `false`: only meetings that have ended. */
                ongoing?: boolean;
                /** @description `true` omits `participants` from every meeting. */
                no_participants?: boolean;
                /** @description Minimum peak number of participants (`max_participants`). Headcount extension. */
                min_participants?: number;
                /** @description Minimum `duration`, in seconds. Headcount extension. */
                min_duration?: number;
                /** @description Only meetings that took place at this time or later, even if they started before: unix seconds or RFC 3339. With `to`: the meetings that overlap a period. Headcount extension. */
                from?: number | string;
                /** @description Only meetings that had started before this time: unix seconds or RFC 3339. Headcount extension. */
                to?: number | string;
                /** @description `asc` lists the oldest first. Headcount extension. */
                order?: "asc" | "desc";
                /** @description `attributes` adds the attributes of each participant. Headcount extension. */
                include?: "attributes"[];
                /** @description Only what belongs to participants with this value of the attribute `role`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.role"?: string;
                /** @description Only what belongs to participants with this value of the attribute `email`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.email"?: string;
                /** @description Only what belongs to participants with this value of the attribute `customer`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.customer"?: string;
                /** @description Only what belongs to participants with this value of the attribute `external_id`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.external_id"?: string;
                /** @description Only what belongs to participants with this value of the attribute `kind`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.kind"?: string;
            };
            header?: never;
            path: {
                /** @description The id of a user, percent-encoded. */
                user: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description Everything that happened before this time, and was reported, is included. RFC 3339 in UTC. */
                    "Headcount-Complete-Until"?: string;
                    /** @description The source or API key that holds this time back: `source/KIND/NAME` or `api_key/NAME`, percent-encoded. Absent if there is none. */
                    "Headcount-Held-Back-By"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserMeetings"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    explainMeeting: {
        parameters: {
            query?: {
                /** @description `attributes` adds the attributes of each participant. Headcount extension. */
                include?: "attributes"[];
            };
            header?: never;
            path: {
                /** @description The id of a meeting. An id that a correction replaced leads to the meeting in its place. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The path of the meeting, if a correction replaced the id in the request. */
                    "Content-Location"?: string;
                    /** @description Everything that happened before this time, and was reported, is included. RFC 3339 in UTC. */
                    "Headcount-Complete-Until"?: string;
                    /** @description The source or API key that holds this time back: `source/KIND/NAME` or `api_key/NAME`, percent-encoded. Absent if there is none. */
                    "Headcount-Held-Back-By"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Explanation"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    getAttendance: {
        parameters: {
            query?: {
                /** @description Ids of expected users, separated by commas or in several `expected=`. Send ids that contain a comma, and long rosters, as a body with POST. */
                expected?: string[];
                /** @description Scheduled start: unix seconds or RFC 3339. Default: the meeting's start. */
                starts_at?: number | string;
                /** @description Scheduled end, in the same form. Default: the meeting's end. */
                ends_at?: number | string;
                /** @description Minimum part of the scheduled time, from 0 to 1. A person who attends less is `partial`. */
                min_attendance_ratio?: number;
                /** @description A person who joins more than this many seconds after the scheduled start is `late`. */
                late_after_seconds?: number;
                /** @description A person who leaves more than this many seconds before the scheduled end has `left_early`. */
                left_early_before_seconds?: number;
            };
            header?: never;
            path: {
                /** @description The id of a meeting. An id that a correction replaced leads to the meeting in its place. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The path of the meeting, if a correction replaced the id in the request. */
                    "Content-Location"?: string;
                    /** @description Everything that happened before this time, and was reported, is included. RFC 3339 in UTC. */
                    "Headcount-Complete-Until"?: string;
                    /** @description The source or API key that holds this time back: `source/KIND/NAME` or `api_key/NAME`, percent-encoded. Absent if there is none. */
                    "Headcount-Held-Back-By"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttendanceList"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    createAttendanceReport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a meeting. An id that a correction replaced leads to the meeting in its place. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Roster"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The path of the meeting, if a correction replaced the id in the request. */
                    "Content-Location"?: string;
                    /** @description Everything that happened before this time, and was reported, is included. RFC 3339 in UTC. */
                    "Headcount-Complete-Until"?: string;
                    /** @description The source or API key that holds this time back: `source/KIND/NAME` or `api_key/NAME`, percent-encoded. Absent if there is none. */
                    "Headcount-Held-Back-By"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttendanceList"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            408: components["responses"]["408"];
            413: components["responses"]["413"];
            415: components["responses"]["415"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    getTimeTogether: {
        parameters: {
            query?: {
                /** @description A side: participants with this role. Short for `attribute.role`. Repeatable. */
                role?: string[];
                /** @description A side: this user. Repeatable. */
                user_id?: string[];
                /** @description A side: this connection. Repeatable. */
                participant_id?: string[];
                /** @description A side: participants with this value of the attribute `email`. Any other key can be given in the same way. Repeatable. */
                "attribute.email"?: string[];
                /** @description A side: participants with this value of the attribute `customer`. Any other key can be given in the same way. Repeatable. */
                "attribute.customer"?: string[];
                /** @description A side: participants with this value of the attribute `external_id`. Any other key can be given in the same way. Repeatable. */
                "attribute.external_id"?: string[];
                /** @description A side: participants with this value of the attribute `kind`. Any other key can be given in the same way. Repeatable. */
                "attribute.kind"?: string[];
                /** @description `true` adds a side: everybody who is on no other side. */
                others?: boolean;
            };
            header?: never;
            path: {
                /** @description The id of a meeting. An id that a correction replaced leads to the meeting in its place. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The path of the meeting, if a correction replaced the id in the request. */
                    "Content-Location"?: string;
                    /** @description Everything that happened before this time, and was reported, is included. RFC 3339 in UTC. */
                    "Headcount-Complete-Until"?: string;
                    /** @description The source or API key that holds this time back: `source/KIND/NAME` or `api_key/NAME`, percent-encoded. Absent if there is none. */
                    "Headcount-Held-Back-By"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MeetingTogether"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    getUsage: {
        parameters: {
            query?: {
                /** @description Start: a day of the time zone, unix seconds, or RFC 3339. Required. The bucket that contains it counts completely. */
                from?: number | string;
                /** @description End, in the same form; a day is exclusive. Default: now. The bucket that contains it counts completely. */
                to?: number | string;
                /** @description The size of a bucket, or `attribute.KEY` for a group of each value of that attribute. */
                group_by?: ("day" | "hour" | "month" | "room" | "total") | string;
                /** @description The time zone of hours, days and months: a name of the IANA database, like `Europe/Berlin`, or an offset. */
                timezone?: string;
                /** @description Only the room with this name. */
                room?: string;
                /** @description Maximum number of rooms with `group_by=room`, or of values with `group_by=attribute.KEY`. The group `remainder` stands for the rest of the values. Default: 10,000 rooms, 100 values. More than 10,000 means 10,000. */
                limit?: number;
                /** @description Only what belongs to participants with this value of the attribute `role`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.role"?: string;
                /** @description Only what belongs to participants with this value of the attribute `email`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.email"?: string;
                /** @description Only what belongs to participants with this value of the attribute `customer`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.customer"?: string;
                /** @description Only what belongs to participants with this value of the attribute `external_id`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.external_id"?: string;
                /** @description Only what belongs to participants with this value of the attribute `kind`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.kind"?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description Everything that happened before this time, and was reported, is included. RFC 3339 in UTC. */
                    "Headcount-Complete-Until"?: string;
                    /** @description The source or API key that holds this time back: `source/KIND/NAME` or `api_key/NAME`, percent-encoded. Absent if there is none. */
                    "Headcount-Held-Back-By"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsageByValue"] | components["schemas"]["Usage"] | components["schemas"]["UsageByRoom"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    getConcurrency: {
        parameters: {
            query?: {
                /** @description Start: a day of the time zone, unix seconds, or RFC 3339. Required. The bucket that contains it counts completely. */
                from?: number | string;
                /** @description End, in the same form; a day is exclusive. Default: now. The bucket that contains it counts completely. */
                to?: number | string;
                /** @description The size of a bucket, or `attribute.KEY` for a group of each value of that attribute. */
                group_by?: ("hour" | "day") | string;
                /** @description The time zone of hours, days and months: a name of the IANA database, like `Europe/Berlin`, or an offset. */
                timezone?: string;
                /** @description Only the room with this name. */
                room?: string;
                /** @description Maximum number of values with `group_by=attribute.KEY`. The group `remainder` stands for the rest of the values. More than 10,000 means 10,000. */
                limit?: number;
                /** @description Only what belongs to participants with this value of the attribute `role`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.role"?: string;
                /** @description Only what belongs to participants with this value of the attribute `email`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.email"?: string;
                /** @description Only what belongs to participants with this value of the attribute `customer`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.customer"?: string;
                /** @description Only what belongs to participants with this value of the attribute `external_id`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.external_id"?: string;
                /** @description Only what belongs to participants with this value of the attribute `kind`. Any other key can be given in the same way. Several conditions must apply to the same stay. Headcount extension. */
                "attribute.kind"?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description Everything that happened before this time, and was reported, is included. RFC 3339 in UTC. */
                    "Headcount-Complete-Until"?: string;
                    /** @description The source or API key that holds this time back: `source/KIND/NAME` or `api_key/NAME`, percent-encoded. Absent if there is none. */
                    "Headcount-Held-Back-By"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConcurrencyByValue"] | components["schemas"]["Concurrency"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    getPresence: {
        parameters: {
            query?: {
                /** @description `attributes` adds the attributes of each participant. Headcount extension. */
                include?: "attributes"[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description Everything that happened before this time, and was reported, is included. RFC 3339 in UTC. */
                    "Headcount-Complete-Until"?: string;
                    /** @description The source or API key that holds this time back: `source/KIND/NAME` or `api_key/NAME`, percent-encoded. Absent if there is none. */
                    "Headcount-Held-Back-By"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: components["schemas"]["PresentParticipant"][];
                    };
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    getRoomPresence: {
        parameters: {
            query?: {
                /** @description Maximum number of results. Default: all. */
                limit?: number;
                /** @description Only participants with this user id. */
                userId?: string;
                /** @description Only participants with this name. */
                userName?: string;
                /** @description Return who was in the room at this time instead: unix seconds or RFC 3339. Headcount extension. */
                at?: number | string;
                /** @description Return who was in the room during a period instead. Start of the period, inclusive: unix seconds or RFC 3339. Headcount extension. */
                from?: number | string;
                /** @description End of the period, exclusive, in the same form. Default: now. Headcount extension. */
                to?: number | string;
                /** @description `attributes` adds the attributes of each participant. Headcount extension. */
                include?: "attributes"[];
            };
            header?: never;
            path: {
                /** @description The name of a room, percent-encoded. */
                room: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description Everything that happened before this time, and was reported, is included. RFC 3339 in UTC. */
                    "Headcount-Complete-Until"?: string;
                    /** @description The source or API key that holds this time back: `source/KIND/NAME` or `api_key/NAME`, percent-encoded. Absent if there is none. */
                    "Headcount-Held-Back-By"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PastPresence"] | components["schemas"]["RoomPresence"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    listRooms: {
        parameters: {
            query?: {
                /** @description Maximum number of results. More than 100 means 100. */
                limit?: number;
                /** @description The name of a room: the page starts with the next one in the list. */
                starting_after?: string;
                /** @description The name of a room: the page ends with the previous one in the list. `OLDEST` means the page with the oldest rooms. */
                ending_before?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description Everything that happened before this time, and was reported, is included. RFC 3339 in UTC. */
                    "Headcount-Complete-Until"?: string;
                    /** @description The source or API key that holds this time back: `source/KIND/NAME` or `api_key/NAME`, percent-encoded. Absent if there is none. */
                    "Headcount-Held-Back-By"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rooms"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    getRoom: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of a room, percent-encoded. */
                room: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description Everything that happened before this time, and was reported, is included. RFC 3339 in UTC. */
                    "Headcount-Complete-Until"?: string;
                    /** @description The source or API key that holds this time back: `source/KIND/NAME` or `api_key/NAME`, percent-encoded. Absent if there is none. */
                    "Headcount-Held-Back-By"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Room"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    listQuarantinedRooms: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QuarantinedRooms"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    getCompleteness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CompletenessStatus"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    ingestEvents: {
        parameters: {
            query?: {
                /** @description Answer only when the events have been processed. */
                wait?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "room": "standup",
                 *       "kind": "join",
                 *       "participant_id": "c-1",
                 *       "user_name": "Ann",
                 *       "at": 1772442000
                 *     }
                 */
                "application/json": components["schemas"]["EventBody"][] | components["schemas"]["EventBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IngestResult"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            408: components["responses"]["408"];
            413: components["responses"]["413"];
            415: components["responses"]["415"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    ingestSnapshot: {
        parameters: {
            query?: {
                /** @description Answer only when the events have been processed. */
                wait?: boolean;
            };
            header?: never;
            path: {
                /** @description The name of a room, percent-encoded. */
                room: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SnapshotBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IngestResult"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            408: components["responses"]["408"];
            413: components["responses"]["413"];
            415: components["responses"]["415"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    ingestWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The vendor, like `livekit`. */
                kind: string;
                /** @description The token of the source. */
                token: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": unknown;
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InboundResult"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            404: components["responses"]["404"];
            408: components["responses"]["408"];
            413: components["responses"]["413"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    streamEvents: {
        parameters: {
            query?: {
                /** @description Only messages of this room. Can be repeated. */
                room?: string[];
                /** @description Only messages of these types, separated by commas. */
                types?: ("meeting.started" | "meeting.ended" | "meeting.updated" | "participant.joined" | "participant.left")[];
                /** @description The id of the last event that was received: the stream continues after it. The header `Last-Event-ID`, which browsers send when they reconnect, has priority. Without both the stream starts now. */
                last_event_id?: string;
            };
            header?: {
                /** @description The same as `last_event_id`. */
                "Last-Event-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example retry: 1000
                     *     id: gDhq3dHYqXBVGZJSuEn0Hw
                     *
                     *     id: pM2tYpJrJKUaoLuFQVZy0A
                     *     event: meeting.started
                     *     data: {"version":"1.0.0","type":"meeting.started","id":"met-sta-0f9f-1767225600","payload":{"start_ts":1767225600.412,"meeting_id":"0f9f","room":"blue-room"},"event_ts":1767225600.9}
                     */
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    listWebhooks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"][];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    createWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "url": "https://hooks.example.com/headcount",
                 *       "retryType": "exponential"
                 *     }
                 */
                "application/json": components["schemas"]["NewWebhook"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            408: components["responses"]["408"];
            413: components["responses"]["413"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    getWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a webhook. */
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    updateWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a webhook. */
                uuid: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookChange"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            408: components["responses"]["408"];
            413: components["responses"]["413"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    deleteWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a webhook. */
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletedWebhook"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    patchWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a webhook. */
                uuid: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookChange"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            408: components["responses"]["408"];
            413: components["responses"]["413"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    listWebhookSecrets: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a webhook. */
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookSecrets"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    updateWebhookSecrets: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a webhook. */
                uuid: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookSecrets"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookSecrets"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            408: components["responses"]["408"];
            413: components["responses"]["413"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    listDeliveries: {
        parameters: {
            query?: {
                /** @description Maximum number of results. More than 100 means 100. */
                limit?: number;
                /** @description The id of a message: the page starts with the next one in the list. */
                starting_after?: string;
                /** @description Only messages in this state: `delivered`, `pending`, or `failed`. */
                state?: "delivered" | "pending" | "failed";
            };
            header?: never;
            path: {
                /** @description The id of a webhook. */
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deliveries"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    resendDeliveries: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a webhook. */
                uuid: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Resend"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Resent"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            408: components["responses"]["408"];
            413: components["responses"]["413"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    testWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a webhook. */
                uuid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookTest"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    exportPerson: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "user_id": "anna"
                 *     }
                 */
                "application/json": components["schemas"]["PersonSelector"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExportedPerson"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            408: components["responses"]["408"];
            413: components["responses"]["413"];
            415: components["responses"]["415"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    listErasures: {
        parameters: {
            query?: {
                /** @description Only erasures of the user with this id. */
                user_id?: string;
                /** @description Only erasures of the participant with this id. */
                participant_id?: string;
                /** @description Only erasures by this attribute, such as `email=anna@example.com`. */
                attribute?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Erasures"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    createErasure: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "user_id": "anna",
                 *       "mode": "erase",
                 *       "dry_run": true
                 *     }
                 */
                "application/json": components["schemas"]["ErasureRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ShownErasure"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            408: components["responses"]["408"];
            413: components["responses"]["413"];
            415: components["responses"]["415"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    getErasure: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The number of an erasure. */
                number: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ShownErasure"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    listRetentionRules: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RetentionRules"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    updateRetentionRule: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "pattern": "lecture-*",
                 *       "names_days": 30,
                 *       "meetings_days": 365
                 *     }
                 */
                "application/json": components["schemas"]["RetentionRuleBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ShownRetentionRule"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            408: components["responses"]["408"];
            413: components["responses"]["413"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    deleteRetentionRule: {
        parameters: {
            query?: {
                /** @description The pattern of a rule, like `lecture-*`. */
                pattern?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletedRetentionRule"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    getRetentionPreview: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RetentionPreviews"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    listLegalHolds: {
        parameters: {
            query?: {
                /** @description Whether to list released holds, too. */
                released?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LegalHolds"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    createLegalHold: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "kind": "room",
                 *       "subject": "board",
                 *       "reason": "case 2026-17"
                 *     }
                 */
                "application/json": components["schemas"]["NewLegalHold"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ShownLegalHold"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            408: components["responses"]["408"];
            413: components["responses"]["413"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    deleteLegalHold: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The number of a hold. */
                number: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ShownLegalHold"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            404: components["responses"]["404"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    getDataMinimal: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DataMinimalBody"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    updateDataMinimal: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "minimal": true
                 *     }
                 */
                "application/json": components["schemas"]["DataMinimalBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DataMinimalBody"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            408: components["responses"]["408"];
            413: components["responses"]["413"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    listAccessLog: {
        parameters: {
            query?: {
                /** @description Only entries at this time or later: unix seconds or RFC 3339. */
                from?: number | string;
                /** @description Only entries before this time: unix seconds or RFC 3339. */
                to?: number | string;
                /** @description Only what the actor with this id did. */
                actor?: string;
                /** @description Only this action. */
                action?: "sign_in" | "sign_out" | "meeting.list" | "meeting.read" | "person.read" | "person.search" | "presence.read" | "room.list" | "room.read" | "usage.read" | "stream.open" | "export" | "share.open" | "share.create" | "share.revoke" | "key.create" | "key.revoke" | "sign_in_link.create" | "session.revoke" | "source.create" | "source.update" | "source.delete" | "webhook.read" | "webhook.create" | "webhook.update" | "webhook.delete" | "webhook.send" | "encryption_key.rotate" | "encryption_key.reset" | "privacy.read" | "privacy.export" | "privacy.erase" | "privacy.pseudonymize" | "retention.update" | "hold.create" | "hold.delete" | "access_log.read" | "access_log.drop" | "other";
                /** @description Only entries about the subject with this id, such as the id of a meeting or a user. */
                subject?: string;
                /** @description Only subjects of this type. */
                subject_type?: "meeting" | "room" | "user" | "participant" | "attribute" | "key" | "session" | "share" | "source" | "webhook";
                /** @description Maximum number of results. More than 100 means 100. */
                limit?: number;
                /** @description The id of an entry: the page starts with the next one in the list. */
                starting_after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccessLogEntries"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
    getKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyInfo"];
                };
            };
            400: components["responses"]["400"];
            401: components["responses"]["401"];
            403: components["responses"]["403"];
            429: components["responses"]["429"];
            500: components["responses"]["500"];
            503: components["responses"]["503"];
        };
    };
}
