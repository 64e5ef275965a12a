// What a program does with the TypeScript client: compiled with `tsc --strict` beside it, and run with a real server.
import { createClient, HeadcountError, type HeadcountMessage, verifyWebhook, WebhookVerificationError } from "./index.js";

declare const process: { env: Record<string, string> };
const { BASE_URL: baseUrl = "", API_KEY: apiKey = "" } = process.env;
const webhook = JSON.parse(process.env["WEBHOOK"] ?? "{}");
const results: Record<string, unknown> = {};

/** What happens to the next requests: a status instead of the answer, a cut after the first message, or no answer. */
const faults: (number | "cut" | "silence")[] = [];
let requests = 0;
async function faulty(request: Request): Promise<Response> {
  requests += 1;
  const fault = faults.shift();
  if (fault === "silence") {
    return new Promise((_, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason)));
  }
  const response = await fetch(request);
  if (fault === undefined) return response;
  if (fault !== "cut") return new Response("{}", { status: fault, headers: { "retry-after": "0" } });
  const cut = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      controller.enqueue(chunk);
      if (new TextDecoder().decode(chunk).includes("event: meeting")) controller.error(new Error("cut"));
    },
  });
  return new Response(response.body?.pipeThrough(cut), response);
}

const headcount = createClient({ baseUrl, apiKey, fetch: faulty, retries: { delayMs: 10 } });
const start = Math.floor(Date.now() / 1_000) - 4_000;

function meeting(room: string, at: number) {
  const person = (id: string, offset: number) => [
    { room, kind: "join" as const, participant_id: id, user_id: id, at: at + offset, attributes: { customer: "acme" } },
    { room, kind: "leave" as const, participant_id: id, at: at + 300 },
  ];
  return [...person(`${room}-ann`, 0), ...person(`${room}-bob`, 10)];
}

// Ingest; a request whose answer is lost is repeated, and adds nothing.
faults.push(503);
const rooms = ["red", "green", "blue/1 ä?", "white", "black"];
results["stored twice"] = await headcount.ingestEvents({ body: rooms.flatMap((room) => meeting(room, start)), wait: true });
results["requests"] = requests;
faults.push(429);
results["one event"] = (await headcount.ingestEvents({ body: { room: "red", kind: "end" }, wait: true })).accepted;

// Pages.
const found = [];
for await (const one of headcount.each("listMeetings", { limit: 2, include: ["attributes"] })) found.push(one);
results["meetings"] = found.map((one) => one.room).sort();
results["customer"] = found.at(-1)?.participants?.[0]?.attributes?.["customer"];
const names: string[] = [];
for await (const room of headcount.each("listRooms", { limit: 1 })) names.push(room.name);
results["rooms"] = names.sort();
const page = await headcount.listMeetings({ room: "blue/1 ä?", "attribute.customer": "acme", "attribute.team": undefined });
results["filtered"] = page.total_count;

// One meeting, by a path with a parameter.
const [blue] = page.data;
if (blue === undefined) throw new Error("no meeting");
const explanation = await headcount.explainMeeting({ id: blue.id });
results["explained"] = explanation.steps.map((step) => step.type);
results["presence"] = (await headcount.getRoomPresence({ room: "blue/1 ä?", at: start + 60 })).data.length;
const { data } = await headcount.http.GET("/meetings/{id}", { params: { path: { id: blue.id } } });
results["by path"] = data?.room;

// Errors have a type, and are not retried.
requests = 0;
try {
  await headcount.getMeeting({ id: "none" });
} catch (error) {
  if (!(error instanceof HeadcountError)) throw error;
  results["error"] = [error.status, error.type, error.info];
}
results["requests for the error"] = requests;
faults.push(503, 503);
const impatient = createClient({ baseUrl, apiKey, fetch: faulty, retries: { attempts: 2, delayMs: 10 } });
results["given up"] = await impatient.listMeetings().catch((error: HeadcountError) => error.status);
faults.push(503);
const webhookBody = { url: "https://unreachable.invalid/", retryType: "exponential" as const };
results["not repeated"] = await headcount.createWebhook({ body: webhookBody }).catch((error: HeadcountError) => error.status);
faults.push("silence", "silence");
results["timeout"] = await impatient.getPresence({}, { timeoutMs: 20 }).catch((error: Error) => error.name);
faults.push("silence");
const given = new AbortController();
setTimeout(() => given.abort(new Error("no longer needed")), 20);
results["aborted"] = await headcount.getPresence({}, { signal: given.signal }).catch((error: Error) => error.message);
// @ts-expect-error: the id is required
void (() => headcount.getMeeting({}));
// @ts-expect-error: there is no such parameter
void (() => headcount.listMeetings({ rooms: "red" }));
// @ts-expect-error: there are no pages of this operation
void (() => headcount.each("getUsage"));

// The stream continues after a message when its connection breaks.
const stop = new AbortController();
const streamed: string[] = [];
const types: Record<HeadcountMessage["type"], number> = {
  "participant.joined": 0, "participant.left": 0, "meeting.started": 0, "meeting.ended": 0, "meeting.updated": 0,
};
faults.push("cut", "cut", 503);
requests = 0;
const wanted = { rooms, types: ["meeting.started", "meeting.ended"] as const, lastEventId: "0", signal: stop.signal };
for await (const event of headcount.stream(wanted)) {
  if (event.type !== "message") continue;
  streamed.push(event.message.id);
  types[event.message.type] += 1;
  if (event.message.type === "meeting.ended" && event.message.payload.end_ts < start) throw new Error("too early");
  if (streamed.length === 2 * rooms.length) stop.abort();
}
results["streamed"] = [streamed.length, new Set(streamed).size, types["meeting.started"], types["meeting.ended"]];
results["connections"] = requests;
const refused = createClient({ baseUrl, apiKey: "wrong" });
results["refused stream"] = await refused.stream().next().catch((error: HeadcountError) => error.type);

// Webhooks.
const { headers, body, secret } = webhook;
const verified = await verifyWebhook({ secret, headers, body });
results["webhook"] = "type" in verified ? [verified.type, verified.payload] : verified;
results["both secrets"] = (await verifyWebhook({ secret: ["bmV3", secret], headers: new Headers(headers), body })) !== null;
async function reason(change: object): Promise<string> {
  const problem = await verifyWebhook({ secret, headers, body, ...change }).catch((error: unknown) => error);
  return problem instanceof WebhookVerificationError ? problem.message : `accepted: ${problem}`;
}
results["changed body"] = await reason({ body: `${body} ` });
results["other secret"] = await reason({ secret: "bmV3" });
results["late"] = await reason({ toleranceSeconds: -1 });
results["unsigned"] = await reason({ headers: { ...headers, "webhook-signature": undefined } });
console.log(JSON.stringify(results));
