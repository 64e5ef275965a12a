// Writes src/schema.ts and src/operations.ts from an OpenAPI document: node scripts/generate.mjs openapi.json [folder]
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const [file, folder = new URL("../src", import.meta.url).pathname] = process.argv.slice(2);
if (!file) {
  console.error("Usage: node scripts/generate.mjs openapi.json [folder]");
  process.exit(2);
}
const document = JSON.parse(await readFile(file, "utf8"));
const note = "// Generated from the OpenAPI document by `make typescript`. Do not edit.\n\n";
const types = astToString(await openapiTS(document, { alphabetize: false }));

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods)
    .filter(([, operation]) => operation.operationId !== "streamEvents")
    .map(([method, operation]) => [operation.operationId, method, path, operation.summary]),
);
const lines = operations.map(
  ([id, method, path, summary]) => `  /** ${summary}. */\n  ${id}: { method: "${method}", path: "${path}" },\n`,
);
await writeFile(`${folder}/schema.ts`, note + types);
await writeFile(
  `${folder}/operations.ts`,
  `${note}/** Method and path of each operation, by its \`operationId\`. */\nexport const OPERATIONS = {\n${lines.join("")}} as const;\n`,
);
