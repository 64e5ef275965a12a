/** An answer of Headcount that is not a success. */
export class HeadcountError extends Error {
  override readonly name = "HeadcountError";

  /**
   * @param status HTTP status, such as 404
   * @param type stable type of the error, such as `not-found`
   * @param info what is wrong, in a sentence
   * @param retryAfterMs how long the server asks to wait, in milliseconds
   */
  constructor(
    readonly status: number,
    readonly type: string,
    readonly info: string,
    readonly retryAfterMs?: number,
  ) {
    super(`${status} ${type}: ${info}`);
  }
}

/** Return the error of an answer. A proxy in between may answer with anything. */
export function errorOf(response: Response, body: unknown): HeadcountError {
  const { error, info } = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  return new HeadcountError(
    response.status,
    typeof error === "string" ? error : "unknown-error",
    typeof info === "string" ? info : response.statusText || "The answer is not one of Headcount.",
    retryAfterMs(response.headers.get("retry-after")),
  );
}

function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  const milliseconds = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds);
}
