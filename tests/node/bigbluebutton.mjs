// A webhook of {event}s (a JSON text) for {address}, summed up with {secret}: the checksum and the body, as `bbb-webhooks`
// writes a form with any {algorithm}, and as a client library of BigBlueButton's API writes one and sums up (SHA-1 alone).
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import querystring from "node:querystring";

const { constructUrl } = createRequire(import.meta.url)("bigbluebutton-js/src/util.js");
const { address, secret, event, algorithm } = JSON.parse(readFileSync(0, "utf8"));
const fields = { domain: "bbb.example", event, timestamp: "1772449200123" };
const form = new URLSearchParams(fields).toString();
const summed = { ...fields };
constructUrl("", secret, address, summed);
process.stdout.write(
  JSON.stringify({
    theirs: { body: form, checksum: createHash(algorithm).update(address).update(form).update(secret).digest("hex") },
    library: { body: querystring.encode(fields), checksum: summed.checksum },
  }),
);
