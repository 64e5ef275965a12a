// Generated from the OpenAPI document by `make typescript`. Do not edit.

/** Method and path of each operation, by its `operationId`. */
export const OPERATIONS = {
  /** List meetings. */
  listMeetings: { method: "get", path: "/meetings" },
  /** Get a meeting. */
  getMeeting: { method: "get", path: "/meetings/{id}" },
  /** List the participants of a meeting. */
  listMeetingParticipants: { method: "get", path: "/meetings/{id}/participants" },
  /** List the meetings of a user. */
  listUserMeetings: { method: "get", path: "/users/{user}/meetings" },
  /** Explain a meeting. */
  explainMeeting: { method: "get", path: "/meetings/{id}/explain" },
  /** Get the attendance list of a meeting. */
  getAttendance: { method: "get", path: "/meetings/{id}/attendance" },
  /** Compare a meeting with a roster. */
  createAttendanceReport: { method: "post", path: "/meetings/{id}/attendance" },
  /** Get the time together. */
  getTimeTogether: { method: "get", path: "/meetings/{id}/together" },
  /** Get usage. */
  getUsage: { method: "get", path: "/usage" },
  /** Get concurrency. */
  getConcurrency: { method: "get", path: "/concurrency" },
  /** List present participants by room. */
  getPresence: { method: "get", path: "/presence" },
  /** Get the presence of a room. */
  getRoomPresence: { method: "get", path: "/rooms/{room}/presence" },
  /** List rooms. */
  listRooms: { method: "get", path: "/rooms" },
  /** Get a room. */
  getRoom: { method: "get", path: "/rooms/{room}" },
  /** List quarantined rooms. */
  listQuarantinedRooms: { method: "get", path: "/health/rooms" },
  /** Get completeness. */
  getCompleteness: { method: "get", path: "/health/completeness" },
  /** Ingest events. */
  ingestEvents: { method: "post", path: "/events" },
  /** Send a room snapshot. */
  ingestSnapshot: { method: "post", path: "/rooms/{room}/snapshot" },
  /** Ingest a webhook of a video server. */
  ingestWebhook: { method: "post", path: "/ingest/{kind}/{token}" },
  /** List webhooks. */
  listWebhooks: { method: "get", path: "/webhooks" },
  /** Create a webhook. */
  createWebhook: { method: "post", path: "/webhooks" },
  /** Get a webhook. */
  getWebhook: { method: "get", path: "/webhooks/{uuid}" },
  /** Update a webhook. */
  updateWebhook: { method: "post", path: "/webhooks/{uuid}" },
  /** Update a webhook (PATCH). */
  patchWebhook: { method: "patch", path: "/webhooks/{uuid}" },
  /** Delete a webhook. */
  deleteWebhook: { method: "delete", path: "/webhooks/{uuid}" },
  /** List the secrets of a webhook. */
  listWebhookSecrets: { method: "get", path: "/webhooks/{uuid}/secrets" },
  /** Update the secrets of a webhook. */
  updateWebhookSecrets: { method: "put", path: "/webhooks/{uuid}/secrets" },
  /** List the deliveries of a webhook. */
  listDeliveries: { method: "get", path: "/webhooks/{uuid}/deliveries" },
  /** Resend messages. */
  resendDeliveries: { method: "post", path: "/webhooks/{uuid}/resend" },
  /** Test a webhook. */
  testWebhook: { method: "post", path: "/webhooks/{uuid}/test" },
  /** Export a person. */
  exportPerson: { method: "post", path: "/privacy/export" },
  /** Erase a person. */
  createErasure: { method: "post", path: "/privacy/erasures" },
  /** List erasures. */
  listErasures: { method: "get", path: "/privacy/erasures" },
  /** Get an erasure. */
  getErasure: { method: "get", path: "/privacy/erasures/{number}" },
  /** List retention rules. */
  listRetentionRules: { method: "get", path: "/privacy/retention" },
  /** Set a retention rule. */
  updateRetentionRule: { method: "put", path: "/privacy/retention" },
  /** Delete a retention rule. */
  deleteRetentionRule: { method: "delete", path: "/privacy/retention" },
  /** Preview retention. */
  getRetentionPreview: { method: "get", path: "/privacy/retention/preview" },
  /** List legal holds. */
  listLegalHolds: { method: "get", path: "/privacy/holds" },
  /** Create a legal hold. */
  createLegalHold: { method: "post", path: "/privacy/holds" },
  /** Release a legal hold. */
  deleteLegalHold: { method: "delete", path: "/privacy/holds/{number}" },
  /** Get the data-minimal mode. */
  getDataMinimal: { method: "get", path: "/privacy/minimal" },
  /** Set the data-minimal mode. */
  updateDataMinimal: { method: "put", path: "/privacy/minimal" },
  /** List the access log. */
  listAccessLog: { method: "get", path: "/access-log" },
  /** Get the API key. */
  getKey: { method: "get", path: "/key" },
} as const;
