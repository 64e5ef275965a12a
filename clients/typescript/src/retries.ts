import { HeadcountError } from "./errors.js";

export interface RetryOptions {
  /** Requests in total (default: 4). */
  attempts?: number;
  /** First delay; it doubles with each attempt, and a random part of it is used (default: 500). */
  delayMs?: number;
  /** Longest delay. If the server asks to wait longer, the error is thrown (default: 30,000). */
  maxDelayMs?: number;
}

/** Requests that failed with one of these were not processed, or may be repeated. */
const RETRIED = new Set([502, 503, 504]);

/**
 * Call `send` until it succeeds. A rate limit (429) is always retried, because the server has done nothing. A server or
 * network that fails is retried only if the request `mayRepeat`.
 */
export async function withRetries<T>(
  send: () => Promise<T>,
  mayRepeat: boolean,
  { attempts = 4, delayMs = 500, maxDelayMs = 30_000 }: RetryOptions,
  signal?: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      const asked = error instanceof HeadcountError ? error.retryAfterMs : undefined;
      const wait = asked ?? Math.min(maxDelayMs, delayMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
      if (attempt >= attempts || wait > maxDelayMs || signal?.aborted || !isRetried(error, mayRepeat)) throw error;
      await sleep(wait, signal);
    }
  }
}

function isRetried(error: unknown, mayRepeat: boolean): boolean {
  if (error instanceof HeadcountError) return error.status === 429 || (mayRepeat && RETRIED.has(error.status));
  return mayRepeat;
}

/** Wait, or throw the reason of the signal. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
