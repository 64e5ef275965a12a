// A line in, a line out: JSON.stringify(JSON.parse(text)). Texts travel in base64, since they hold any characters.
import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(line, "base64"));
  console.log(Buffer.from(JSON.stringify(JSON.parse(text)), "utf8").toString("base64"));
}
