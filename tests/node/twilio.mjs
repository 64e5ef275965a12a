// Twilio's own check: whether {params} at {url} are signed by {token}.
import { readFileSync } from "node:fs";
import twilio from "twilio";

const { token, signature, url, params } = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify({ genuine: twilio.validateRequest(token, signature, url, params) }));
