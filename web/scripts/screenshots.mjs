// Makes ../docs/screenshots from `tidings demo`: every page, both themes and languages, four widths.
// Usage: TIDINGS_BIN=path/to/tidings node scripts/screenshots.mjs [FOLDER] [WIDTHS]   (after npm run build)
import { makeWorld } from "../e2e/world.mjs";
import { pagesOf, takePictures } from "./pictures.mjs";

const [folder = "../docs/screenshots", widths] = process.argv.slice(2);
// The four months of the demo are counted before it is ready.
const demo = await makeWorld({ command: "demo", startSeconds: 120 });
const empty = await makeWorld();
/** The demo sends its four months after it has begun to answer; the last tweets are of now. */
for (let tries = 0; tries < 300; tries += 1) {
  const { latest } = await (await fetch(`${demo.server}/api/v1/overview`)).json();
  const { shards } = await (await fetch(`${demo.server}/readyz`)).json();
  const age = Date.now() - Date.parse(latest[0]?.at ?? 0);
  if (age < 60_000 && shards.every(({ lag }) => lag === 0)) break;
  await new Promise((resolve) => setTimeout(resolve, 1_000));
}
try {
  const pages = { ...(await pagesOf(demo.baseURL)), "first-run": `${empty.baseURL}/` };
  const problems = await takePictures(pages, folder, widths ? { widths: widths.split(",").map(Number) } : {});
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
} finally {
  await demo.end();
  await empty.end();
}
