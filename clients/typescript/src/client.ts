import createHttpClient, { type Client as HttpClient } from "openapi-fetch";

import { errorOf } from "./errors.js";
import { OPERATIONS } from "./operations.js";
import { type RetryOptions, withRetries } from "./retries.js";
import type { components, operations, paths } from "./schema.js";
import { type StreamEvent, type StreamOptions, streamEvents } from "./stream.js";
import { randomId } from "./web_crypto.js";

export type OperationId = keyof typeof OPERATIONS;

type Simple<T> = { [K in keyof T]: T[K] };
type Given<T> = [T] extends [undefined] ? unknown : NonNullable<T>;
type Parameters<O extends OperationId> = operations[O]["parameters"];
type PathOf<O extends OperationId> = Given<Parameters<O>["path"]>;
type QueryOf<O extends OperationId> = Given<Parameters<O>["query"]>;
type AttributesOf<O extends OperationId> = "attribute.customer" extends keyof QueryOf<O>
  ? { [name: `attribute.${string}`]: string | undefined }
  : unknown;
type BodyOf<O extends OperationId> = operations[O] extends { requestBody: { content: infer C } }
  ? { body: C[keyof C] }
  : operations[O] extends { requestBody?: { content: infer C } }
    ? { body?: C[keyof C] }
    : unknown;

/** Parameters of the path and of the query by name, and the `body`. */
export type Input<O extends OperationId> = Simple<PathOf<O> & QueryOf<O> & AttributesOf<O> & BodyOf<O>>;
/** The JSON of a success. */
export type Output<O extends OperationId> = operations[O] extends {
  responses: { 200: { content: { "application/json": infer R } } };
}
  ? R
  : never;
/** Operations with pages that continue after an id. */
export type PagedOperationId = {
  [O in OperationId]: QueryOf<O> extends { starting_after?: string } ? O : never;
}[OperationId];
/** An entry of a page. */
export type Item<O extends PagedOperationId> = Output<O> extends { data: readonly (infer T)[] } ? T : never;

export interface RequestOptions {
  signal?: AbortSignal;
  /** Limit of each attempt (default: that of the client). */
  timeoutMs?: number;
}

type Method<O extends OperationId> = Record<never, never> extends Input<O>
  ? (input?: Input<O>, options?: RequestOptions) => Promise<Output<O>>
  : (input: Input<O>, options?: RequestOptions) => Promise<Output<O>>;
type Methods = { [O in OperationId]: Method<O> };

export interface ClientOptions {
  /** Address of the server, such as `https://headcount.example.com`. */
  baseUrl: string;
  apiKey: string;
  /** Prefix of the REST API (default: `/v1`). */
  apiPrefix?: string;
  /** Limit of each attempt (default: 30,000). */
  timeoutMs?: number;
  retries?: RetryOptions;
  /** Another `fetch`, for proxies and tests. */
  fetch?: (request: Request) => Promise<Response>;
}

export type HeadcountClient = Methods & {
  /** Yield all entries of an operation with pages: `for await (const meeting of headcount.each("listMeetings"))`. */
  each<O extends PagedOperationId>(
    operation: O,
    input?: Omit<Input<O>, "starting_after" | "ending_before">,
    options?: RequestOptions,
  ): AsyncGenerator<Item<O>, void, undefined>;
  /** Yield messages as they happen. Reconnects without gaps and duplicates. */
  stream(options?: StreamOptions): AsyncGenerator<StreamEvent, void, undefined>;
  /** The client of openapi-fetch below: `headcount.http.GET("/meetings/{id}", ...)`. It does not retry. */
  http: HttpClient<paths>;
};

/** These change nothing if they are repeated: they read, or each event has an ID. */
const REPEATABLE = new Set<OperationId>(["ingestEvents", "ingestSnapshot", "createAttendanceReport", "exportPerson"]);

type AnyInput = Record<string, unknown> & { body?: unknown };

/** Create a client. It sends nothing until a method is called. */
export function createClient(options: ClientOptions): HeadcountClient {
  const base = options.baseUrl.replace(/\/+$/, "") + (options.apiPrefix ?? "/v1");
  const headers = { authorization: `Bearer ${options.apiKey}` };
  const send = options.fetch ?? ((request: Request) => fetch(request));
  const http = createHttpClient<paths>({ baseUrl: base, headers, fetch: send });
  const call = caller(http, options);
  const methods = Object.fromEntries(
    (Object.keys(OPERATIONS) as OperationId[]).map((id) => [
      id,
      (input?: AnyInput, own?: RequestOptions) => call(id, input ?? {}, own ?? {}),
    ]),
  ) as unknown as Methods;
  const open = (own: StreamOptions) => (lastEventId: string | undefined, signal: AbortSignal) => {
    const query = new URLSearchParams((own.rooms ?? []).map((room) => ["room", room]));
    if (own.types) query.set("types", own.types.join(","));
    const sent = new Headers(headers);
    if (lastEventId !== undefined) sent.set("last-event-id", lastEventId);
    return send(new Request(`${base}/stream?${query}`, { headers: sent, signal }));
  };
  return {
    ...methods,
    http,
    each: (operation: PagedOperationId, input?: object, own?: RequestOptions) =>
      entries((page) => call(operation, { ...input, ...page }, own ?? {})),
    stream: (own: StreamOptions = {}) => streamEvents(open(own), own, options.retries ?? {}),
  } as HeadcountClient;
}

/** Return a function that calls an operation, and retries it. */
function caller(http: HttpClient<paths>, client: ClientOptions) {
  return async (id: OperationId, input: AnyInput, own: RequestOptions): Promise<unknown> => {
    const { method, path } = OPERATIONS[id];
    const { body, ...named } = input;
    const inPath = (name: string) => path.includes(`{${name}}`);
    const part = (isWanted: (name: string) => boolean) =>
      Object.fromEntries(Object.entries(named).filter(([name]) => isWanted(name)));
    const params = { path: part(inPath), query: part((name) => !inPath(name)) };
    const sent = id === "ingestEvents" ? await withIds(body) : body;
    const mayRepeat = (method !== "post" && method !== "patch") || REPEATABLE.has(id);
    const once = async () => {
      const limited = new AbortController();
      const abort = () => limited.abort(own.signal?.reason);
      const timeoutMs = own.timeoutMs ?? client.timeoutMs ?? 30_000;
      const reason = new DOMException(`no answer within ${timeoutMs} ms`, "TimeoutError");
      const timer = setTimeout(() => limited.abort(reason), timeoutMs);
      if (own.signal?.aborted) abort();
      own.signal?.addEventListener("abort", abort, { once: true });
      try {
        const init = { params, body: sent, signal: limited.signal } as never;
        const { data, error, response } = await (http.request as CallableFunction)(method, path, init);
        if (!response.ok) throw errorOf(response, error);
        return data;
      } finally {
        clearTimeout(timer);
        own.signal?.removeEventListener("abort", abort);
      }
    };
    return withRetries(once, mayRepeat, client.retries ?? {}, own.signal);
  };
}

/** Give each event an ID, unless it has one: a request that is repeated adds no event twice. */
async function withIds(body: unknown): Promise<unknown> {
  const identified = async (event: components["schemas"]["EventBody"]) => ({ ...event, id: event.id ?? (await randomId()) });
  return Array.isArray(body) ? Promise.all(body.map(identified)) : identified(body as never);
}

async function* entries(page: (after: { starting_after?: string }) => Promise<unknown>): AsyncGenerator<unknown> {
  for (let after = {}; ; ) {
    const { data } = (await page(after)) as { data: { id: string }[] };
    yield* data;
    const last = data.at(-1);
    if (last === undefined) return;
    after = { starting_after: last.id };
  }
}
