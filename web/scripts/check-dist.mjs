/**
 * Builds the sources again and compares the result with `dist/`, which is committed. Compressed files are
 * compared by what they contain, because their bytes depend on the version of Node.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { build } from "vite";

const web = fileURLToPath(new URL("..", import.meta.url));
const dist = join(web, "dist");
const again = mkdtempSync(join(tmpdir(), "tidings-dist-"));

/** The files below a folder, by path. */
function filesOf(folder) {
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
  return names.filter((name) => statSync(join(folder, name)).isFile()).sort();
}

const faults = [];
try {
  await build({ root: web, logLevel: "warn", build: { outDir: again, emptyOutDir: true } });
  const built = new Set(filesOf(again));
  const committed = filesOf(dist);
  for (const name of built) {
    const path = join(dist, name);
    if (!existsSync(path)) faults.push(`${name} is not in dist`);
    else if (!readFileSync(path).equals(readFileSync(join(again, name)))) faults.push(`${name} differs`);
  }
  for (const name of committed) {
    if (built.has(name)) continue;
    const unpack = name.endsWith(".br")
      ? brotliDecompressSync
      : name.endsWith(".gz")
        ? gunzipSync
        : undefined;
    const plain = name.slice(0, -3);
    if (unpack === undefined || !built.has(plain)) faults.push(`${name} is in dist, but is not built`);
    else if (!unpack(readFileSync(join(dist, name))).equals(readFileSync(join(dist, plain))))
      faults.push(`${name} does not contain ${plain}`);
  }
} finally {
  rmSync(again, { recursive: true });
}
if (faults.length > 0) {
  console.error(
    `dist is not the build of these sources; "npm run build" writes it:\n  ${faults.join("\n  ")}`,
  );
  process.exit(1);
}
console.log("dist is the build of these sources");
