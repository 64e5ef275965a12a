/** Client of Headcount's REST API. `createClient` is the entry point. */
export * from "./client.js";
export { HeadcountError } from "./errors.js";
export type * from "./messages.js";
export type { RetryOptions } from "./retries.js";
export type { components, operations, paths } from "./schema.js";
export type { StreamedMessage, StreamEvent, StreamGap, StreamOptions } from "./stream.js";
export { verifyWebhook, type WebhookPing, type WebhookRequest, WebhookVerificationError } from "./webhooks.js";
