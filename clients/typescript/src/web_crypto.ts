/** Return Web Crypto: a global of browsers and of Node.js from version 19 on, a module of version 18. */
export async function webCrypto(): Promise<Crypto> {
  if (globalThis.crypto) return globalThis.crypto;
  const module = "node:crypto";
  return (await import(module)).webcrypto;
}

/** Return 128 random bits as text. */
export async function randomId(): Promise<string> {
  const bytes = (await webCrypto()).getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
