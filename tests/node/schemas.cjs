// Parses answers with the schemas of zod that a generator made: [name of the schema, JSON] each, on standard input.
// Prints what is wrong: an answer that the schema refuses, and one with fields that it does not describe.
const { readFileSync } = require("node:fs");
const { isDeepStrictEqual } = require("node:util");

const schemas = require(process.argv[2]);
for (const [name, answer] of JSON.parse(readFileSync(0, "utf8"))) {
  const parsed = schemas[name].safeParse(answer);
  if (!parsed.success) console.log(name, parsed.error.message);
  else if (!isDeepStrictEqual(parsed.data, answer)) console.log(name, "has undocumented fields", JSON.stringify(answer));
}
