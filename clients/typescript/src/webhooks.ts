import type { HeadcountMessage } from "./messages.js";
import { webCrypto } from "./web_crypto.js";

export class WebhookVerificationError extends Error {
  override readonly name = "WebhookVerificationError";
}

/** What Headcount sends when an endpoint is created or re-enabled: answer it with 200. */
export interface WebhookPing {
  test: "test";
}

type Headers = { get(name: string): string | null } | Record<string, string | string[] | undefined>;

export interface WebhookRequest {
  /** `hmac` of the endpoint: base64. While you rotate it, a list of both. */
  secret: string | readonly string[];
  /** Headers of the request: an object with lower-case names, or `Headers`. */
  headers: Headers;
  /** The body as it was received, not parsed. */
  body: string | Uint8Array;
  /** Largest difference to the clock, in seconds (default: 300). */
  toleranceSeconds?: number;
}

/**
 * Return the message of a webhook request, or the ping. Throw `WebhookVerificationError` if it is not signed with the secret,
 * or was signed too long ago. Uses the Standard Webhooks signature.
 */
export async function verifyWebhook({
  secret,
  headers,
  body,
  toleranceSeconds = 300,
}: WebhookRequest): Promise<HeadcountMessage | WebhookPing> {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const id = header(headers, "webhook-id");
  const timestamp = header(headers, "webhook-timestamp");
  const signatures = header(headers, "webhook-signature").split(" ");
  const age = Math.abs(Date.now() / 1_000 - Number(timestamp));
  if (!(age <= toleranceSeconds)) {
    throw new WebhookVerificationError("The timestamp is too far from the clock of this machine: compare both clocks.");
  }
  const signed = concatenated(new TextEncoder().encode(`${id}.${timestamp}.`), bytes);
  const secrets = typeof secret === "string" ? [secret] : secret;
  for (const one of secrets) {
    for (const signature of signatures) {
      if (signature.startsWith("v1,") && (await isSignature(one, signature.slice(3), signed))) {
        return JSON.parse(new TextDecoder().decode(bytes));
      }
    }
  }
  throw new WebhookVerificationError("No signature is valid: compare the secret with the `hmac` of the endpoint.");
}

/** Web Crypto compares in constant time. */
async function isSignature(secret: string, signature: string, signed: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const { subtle } = await webCrypto();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await subtle.importKey("raw", fromBase64(secret.replace(/^whsec_/, "")), algorithm, false, ["verify"]);
  try {
    return await subtle.verify("HMAC", key, fromBase64(signature), signed);
  } catch {
    return false; // not base64
  }
}

function header(headers: Headers, name: string): string {
  const value = typeof headers.get === "function" ? headers.get(name) : (headers as Record<string, unknown>)[name];
  const text = Array.isArray(value) ? value[0] : value;
  if (typeof text !== "string" || text === "") throw new WebhookVerificationError(`The header ${name} is missing.`);
  return text;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function concatenated(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
