// Checks the pages of a running server with axe, in both themes, wide and narrow. Stories: scripts/stories.mjs.
// Usage: node scripts/axe.mjs BASE_URL
import { launch, prepare, violations, within } from "./axe-core.mjs";

const [base] = process.argv.slice(2);
const MAX_MS = 30_000;

const list = await (await fetch(`${base}/api/v1/overview`)).json();
const [first, second] = list.keywords.map(({ token }) => token);
const paths = {
  overview: "/",
  keyword: `/k/${first}`,
  "keyword as lists": `/k/${first}?map=list`,
  compare: `/compare?keyword=${first}&keyword=${second}`,
  operations: "/ops",
  "not found": "/nowhere",
};
const browser = await launch();
const found = [];
for (const colorScheme of ["light", "dark"]) {
  for (const width of [1440, 360]) {
    const context = await browser.newContext({
      viewport: { width, height: 900 },
      colorScheme,
      reducedMotion: "reduce",
      locale: width === 360 ? "en-GB" : "ko-KR",
      bypassCSP: true,
    });
    const page = await context.newPage();
    for (const [path, address] of Object.entries(paths)) {
      const name = `${path} ${colorScheme} ${width}`;
      await within(MAX_MS, name, page.goto(base + address));
      await page.waitForTimeout(1_500);
      await prepare(page);
      found.push(...(await within(MAX_MS, name, violations(page, name))));
    }
    await context.close();
  }
}
await browser.close();
for (const text of found) console.log(text);
console.log(`${Object.keys(paths).length} pages in two themes and widths, ${found.length} violations`);
process.exitCode = found.length > 0 ? 1 : 0;
