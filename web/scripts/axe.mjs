// Checks pages, and the stories of a static Storybook build, with axe in both themes.
// Usage: node scripts/axe.mjs BASE_URL [STORYBOOK_URL]
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [base, storybook] = process.argv.slice(2);
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
let violations = 0;

/** So many stories are checked side by side. */
const LANES = 4;

/** A story is a part of a page, so rules about whole pages do not apply to it. */
const PAGE_RULES = ["page-has-heading-one", "region", "landmark-one-main"];

async function check(page, name, without = []) {
  await page.evaluate(axe);
  const result = await page.evaluate(
    (names) =>
      globalThis.axe.run(document, {
        resultTypes: ["violations"],
        rules: Object.fromEntries(names.map((id) => [id, { enabled: false }])),
      }),
    without,
  );
  for (const { id, nodes } of result.violations) {
    violations += 1;
    console.log(
      `${name}: ${id} (${nodes.length})\n  ${nodes
        .slice(0, 3)
        .map(({ html, failureSummary }) => `${html.slice(0, 160)}\n    ${failureSummary.split("\n")[1]}`)
        .join("\n  ")}`,
    );
  }
}

if (base && base !== "-") {
  const list = await (await fetch(`${base}/api/v1/overview`)).json();
  const [first, second] = list.keywords.map(({ token }) => token);
  const paths = {
    overview: "/",
    keyword: `/k/${first}`,
    compare: `/compare?keyword=${first}&keyword=${second}`,
    ops: "/ops",
    nowhere: "/nowhere",
  };
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1440, 360]) {
      const context = await browser.newContext({
        viewport: { width, height: 900 },
        colorScheme,
        reducedMotion: "reduce",
        locale: width === 360 ? "en-GB" : "ko-KR",
      });
      for (const [name, path] of Object.entries(paths)) {
        const page = await context.newPage();
        await page.goto(base + path);
        await page.waitForTimeout(1_500);
        await check(page, `${name} ${colorScheme} ${width}`);
        await page.close();
      }
      await context.close();
    }
  }
}

if (storybook) {
  const index = await (await fetch(`${storybook}/index.json`)).json();
  const ids = Object.values(index.entries)
    .filter(({ type }) => type === "story")
    .map(({ id }) => id);
  const context = await browser.newContext({ reducedMotion: "reduce" });
  const waiting = ids.flatMap((id) => ["light", "dark"].map((theme) => ({ id, theme })));
  const lane = async () => {
    const page = await context.newPage();
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { id, theme } = next;
      // The add-on's own check would run at the same time.
      const globals = `theme:${theme};a11y.manual:!true`;
      await page.goto(`${storybook}/iframe.html?id=${id}&viewMode=story&globals=${globals}`);
      await page
        .waitForFunction(() => document.querySelector("main")?.childElementCount, undefined, {
          timeout: 10_000,
        })
        .catch(() => console.log(`${id}: shows nothing`));
      await page.waitForTimeout(100);
      await check(page, `${id} ${theme}`, PAGE_RULES);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  console.log(`${ids.length} stories in two themes`);
}

await browser.close();
console.log(`${violations} violations`);
process.exitCode = violations > 0 ? 1 : 0;
