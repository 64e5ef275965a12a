import { EventSourceParserStream } from "eventsource-parser/stream";

import { errorOf, HeadcountError } from "./errors.js";
import type { HeadcountMessage } from "./messages.js";
import { type RetryOptions, sleep } from "./retries.js";

export interface StreamOptions {
  /** Only messages of these rooms. */
  rooms?: readonly string[];
  /** Only messages of these types. */
  types?: readonly HeadcountMessage["type"][];
  /** Continue after the last `id` that you processed. `"0"`: from the oldest stored message. Default: now. */
  lastEventId?: string;
  /** Ends the stream without an error. */
  signal?: AbortSignal;
}

/** A message with its position: store `id`, and pass it as `lastEventId` to continue after it. */
export interface StreamedMessage {
  id: string;
  type: "message";
  message: HeadcountMessage;
}

/** Messages may have been missed: read what you need from the API. */
export interface StreamGap {
  id: string;
  type: "gap";
}

export type StreamEvent = StreamedMessage | StreamGap;

/** Heartbeats come every 15 seconds. A connection without any is dead. */
const SILENCE_MS = 45_000;

/**
 * Yield the messages of the stream until the signal aborts. Reconnects after the last message, with a growing delay. Throws
 * `HeadcountError` if the server refuses the request, or the API key was revoked.
 */
export async function* streamEvents(
  open: (lastEventId: string | undefined, signal: AbortSignal) => Promise<Response>,
  options: StreamOptions,
  { delayMs = 500, maxDelayMs = 30_000 }: RetryOptions,
): AsyncGenerator<StreamEvent, void, undefined> {
  const position = { id: options.lastEventId };
  let failures = 0;
  while (!options.signal?.aborted) {
    const connection = new AbortController();
    const abort = () => connection.abort();
    options.signal?.addEventListener("abort", abort, { once: true });
    let wait = delayMs;
    try {
      const response = await open(position.id, connection.signal);
      if (!response.ok || response.body === null) throw errorOf(response, await response.json().catch(() => null));
      failures = 0;
      yield* connected(response.body, position, connection);
    } catch (error) {
      if (options.signal?.aborted) return;
      const asked = error instanceof HeadcountError ? error.retryAfterMs : undefined;
      if (error instanceof HeadcountError && error.status < 500 && error.status !== 429) throw error;
      wait = asked ?? Math.min(maxDelayMs, delayMs * 2 ** Math.min(failures++, 20));
    } finally {
      options.signal?.removeEventListener("abort", abort);
      connection.abort();
    }
    await sleep(wait * (0.5 + Math.random() / 2), options.signal).catch(() => undefined);
  }
}

async function* connected(
  body: ReadableStream<Uint8Array>,
  position: { id: string | undefined },
  connection: AbortController,
): AsyncGenerator<StreamEvent> {
  let silence = setTimeout(() => connection.abort(), SILENCE_MS);
  const heard = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      clearTimeout(silence);
      silence = setTimeout(() => connection.abort(), SILENCE_MS);
      controller.enqueue(chunk);
    },
  });
  const text = new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>;
  const reader = body.pipeThrough(heard).pipeThrough(text).pipeThrough(new EventSourceParserStream()).getReader();
  try {
    for (let next = await reader.read(); !next.done && !connection.signal.aborted; next = await reader.read()) {
      const { id, event, data } = next.value;
      if (event === "disconnect") {
        const { reason, info } = JSON.parse(data) as { reason: string; info: string };
        if (reason === "key_revoked") throw new HeadcountError(401, "authentication-error", info);
        return;
      }
      position.id = id || position.id;
      if (event === "gap") yield { id: position.id ?? "", type: "gap" };
      else if (data) yield { id: position.id ?? "", type: "message", message: JSON.parse(data) };
    }
  } finally {
    clearTimeout(silence);
    await reader.cancel().catch(() => undefined);
  }
}
