// What VideoSDK's own library says of a delivery: {body, signature, publicKey} comes in, a word or an error goes out.
import { readFileSync } from "node:fs";
import { VideoSDK } from "@videosdk.live/server-sdk";

const { body, signature, publicKey } = JSON.parse(readFileSync(0, "utf8"));
const client = new VideoSDK({ apiKey: "a", secret: "b" });
try {
  const event = client.webhooks.verifySync(Buffer.from(body, "base64"), signature, publicKey);
  console.log(JSON.stringify({ type: event.type }));
} catch (error) {
  console.log(JSON.stringify({ refused: error.message }));
}
