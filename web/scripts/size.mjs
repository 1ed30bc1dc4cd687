// Measures the JavaScript and CSS that the first load of each page takes, gzipped, without fonts.
// Usage: node scripts/size.mjs BASE_URL [LIMIT_IN_KILOBYTES]
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";

const [base = "http://127.0.0.1:4820", limit = "200"] = process.argv.slice(2);
const list = await (await fetch(`${base}/api/v1/overview`)).json();
const [first, second] = list.keywords.map(({ token }) => token);
const pages = {
  overview: "/",
  keyword: `/k/${first}`,
  compare: `/compare?keyword=${first}&keyword=${second}`,
  ops: "/ops",
};
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
for (const [name, path] of Object.entries(pages)) {
  const page = await browser.newPage();
  const sizes = { script: 0, stylesheet: 0 };
  const waiting = [];
  page.on("response", (response) => {
    const type = response.request().resourceType();
    if (type in sizes)
      waiting.push(response.body().then((body) => (sizes[type] += gzipSync(body, { level: 9 }).length)));
  });
  await page.goto(base + path);
  await page.waitForTimeout(2_500);
  await Promise.all(waiting);
  const kilobytes = (bytes) => (bytes / 1_000).toFixed(1);
  console.log(
    `${name}: ${kilobytes(sizes.script)} kB of JavaScript, ${kilobytes(sizes.stylesheet)} kB of CSS`,
  );
  if (sizes.script > Number(limit) * 1_000) process.exitCode = 1;
  await page.close();
}
await browser.close();
