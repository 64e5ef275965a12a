// Whether Node's crypto takes a signature as the documents of Dyte and of RealtimeKit ask for: {body, signature, publicKey}.
import { verify } from "node:crypto";
import { readFileSync } from "node:fs";

const { body, signature, publicKey } = JSON.parse(readFileSync(0, "utf8"));
console.log(verify("RSA-SHA256", Buffer.from(body, "base64"), publicKey, Buffer.from(signature, "base64")));
