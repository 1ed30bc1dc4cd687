// Makes ../docs/screenshots from `tidings demo`: every page, both themes and languages, four widths.
// Usage: TIDINGS_BIN=path/to/tidings node scripts/screenshots.mjs [FOLDER]   (after npm run build)
import { makeWorld } from "../e2e/world.mjs";
import { pagesOf, takePictures } from "./pictures.mjs";

const [folder = "../docs/screenshots"] = process.argv.slice(2);
// The four months of the demo are counted before it is ready.
const demo = await makeWorld({ command: "demo", startSeconds: 120 });
const empty = await makeWorld();
try {
  const pages = { ...(await pagesOf(demo.baseURL)), "first-run": `${empty.baseURL}/` };
  const problems = await takePictures(pages, folder);
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
} finally {
  await demo.end();
  await empty.end();
}
