// Zoom's own receiver: what it answers to {body, headers, secret}.
import { readFileSync } from "node:fs";
import { AwsLambdaReceiver } from "@zoom/rivet/meetings";

console.debug = () => {};
const { body, headers, secret } = JSON.parse(readFileSync(0, "utf8"));
const receiver = new AwsLambdaReceiver({ webhooksSecretToken: secret });
receiver.init({ eventEmitter: { emit: async () => {} } });
const answer = await receiver.start()({ body, headers }, {});
process.stdout.write(JSON.stringify({ status: answer.statusCode, body: JSON.parse(answer.body) }));
