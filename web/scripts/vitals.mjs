// Measures how pages load on a slower machine and line: largest contentful paint and layout shifts.
// Usage: node scripts/vitals.mjs BASE_URL [SLOWDOWN] [NAME_PART]
//
// The line is that of Lighthouse for desktops: 10 Mbit/s and 40 ms. The processor is slowed down, by default not, as a
// desktop's is not either.
//
// A tweet that comes later and is longer than all before it is a larger paint too, but no part of loading. So the paint
// is that of the loaded page: when no placeholder is left, and a moment longer. The last one of all is printed beside it.
import { loadavg } from "node:os";
import { chromium } from "playwright-core";

const [base = "http://127.0.0.1:4820", slowdown = "1", only = ""] = process.argv.slice(2);
const MAX_PAINT_MS = 1_500;
const MAX_SHIFT = 0.02;
const RUNS = 3;
const WATCHED_MS = 4_000;
const SETTLED_MS = 300;

const list = await (await fetch(`${base}/api/v1/overview`)).json();
const [first, second, third] = list.keywords.map(({ token }) => token);
const pages = {
  overview: "/",
  keyword: `/k/${first}`,
  compare: `/compare?keyword=${first}&keyword=${second}&keyword=${third}`,
  operations: "/ops",
};
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});

async function measure(path, viewport) {
  const context = await browser.newContext({ viewport, locale: "ko-KR", timezoneId: "Asia/Seoul" });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: 40,
    downloadThroughput: 10e6 / 8,
    uploadThroughput: 10e6 / 8,
  });
  await session.send("Emulation.setCPUThrottlingRate", { rate: Number(slowdown) });
  await page.addInitScript(() => {
    globalThis.vitals = { paint: 0, element: "", shift: 0, shifts: [] };
    new PerformanceObserver((entries) => {
      for (const { startTime, element } of entries.getEntries()) {
        globalThis.vitals.paint = startTime;
        globalThis.vitals.element = element?.className || element?.tagName || "";
      }
    }).observe({ type: "largest-contentful-paint", buffered: true });
    new PerformanceObserver((entries) => {
      for (const { value, hadRecentInput, sources } of entries.getEntries()) {
        if (hadRecentInput) continue;
        globalThis.vitals.shift += value;
        const names = (sources ?? []).map(({ node }) => node?.className || node?.nodeName);
        globalThis.vitals.shifts.push(`${value.toFixed(4)} ${names.join(", ")}`);
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  const started = Date.now();
  await page.goto(base + path, { waitUntil: "commit" });
  await page.waitForFunction(
    () =>
      document.querySelector("main")?.childElementCount && !document.querySelector(".skel, [aria-busy=true]"),
    undefined,
    { polling: 50 },
  );
  await page.waitForTimeout(SETTLED_MS);
  const loaded = await page.evaluate(() => ({ ...globalThis.vitals }));
  await page.waitForTimeout(Math.max(0, started + WATCHED_MS - Date.now()));
  const all = await page.evaluate(() => globalThis.vitals);
  const steps = await page.evaluate(() => {
    const [first] = performance.getEntriesByName("first-contentful-paint");
    const files = performance.getEntriesByType("resource");
    const last = (part) =>
      Math.max(0, ...files.filter(({ name }) => name.includes(part)).map(({ responseEnd }) => responseEnd));
    return { first: first?.startTime ?? 0, code: last(".js"), styles: last(".css") };
  });
  await context.close();
  return {
    ...loaded,
    shift: all.shift,
    shifts: all.shifts,
    last: all.paint,
    lastElement: all.element,
    ...steps,
  };
}

for (const viewport of [
  { width: 1440, height: 900 },
  { width: 360, height: 740 },
]) {
  for (const [name, path] of Object.entries(pages)) {
    if (!name.includes(only)) continue;
    const runs = [];
    for (let run = 0; run < RUNS; run += 1) runs.push(await measure(path, viewport));
    const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
    const paint = middle(runs.map((run) => run.paint));
    const shift = middle(runs.map((run) => run.shift));
    if (paint > MAX_PAINT_MS || shift > MAX_SHIFT) process.exitCode = 1;
    const each = (field) => middle(runs.map((run) => run[field])).toFixed(0);
    console.log(
      `${name} ${viewport.width}: largest paint ${paint.toFixed(0)} ms (${runs[0].element}), shift ${shift.toFixed(4)}; styles ${each("styles")}, first paint ${each("first")}, code ${each("code")}, last paint of all ${each("last")} ms (${runs[0].lastElement})`,
    );
    if (shift > MAX_SHIFT) console.log(`  ${runs[0].shifts.join("\n  ")}`);
  }
}
console.log(`medians of ${RUNS}; load ${loadavg()[0].toFixed(1)}`);
await browser.close();
