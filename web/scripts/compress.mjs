/**
 * Writes a `.br` and a `.gz` beside each text of the build. The binary serves them as they are, so
 * nothing is compressed while it runs.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const texts = new Set([".js", ".css", ".html", ".svg", ".json"]);
/** Smaller files fit into one packet anyway. */
const smallest = 1024;

for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
  const path = join(dist, name);
  if (!texts.has(extname(path)) || statSync(path).size <= smallest) continue;
  const text = readFileSync(path);
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  writeFileSync(`${path}.br`, brotliCompressSync(text, { params: quality }));
  writeFileSync(`${path}.gz`, gzipSync(text, { level: 9 }));
}
