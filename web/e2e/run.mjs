// Drives the dashboard of the binary in Chromium. Each suite has a server of its own.
// Usage: TIDINGS_BIN=path/to/tidings node e2e/run.mjs [SUITE …]   (after npm run build and cargo build)
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { makeWorld } from "./world.mjs";

/** So many suites run side by side: most of their time is waiting. */
const LANES = Number(process.env.E2E_LANES ?? 2);
const SUITES = ["access", "resume", "live", "content", "panels", "sources"];
const chosen = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
let passed = 0;
let failed = 0;

async function runTest(suite, { name, run, options }, world) {
  const context = await browser.newContext({
    baseURL: world.baseURL,
    viewport: { width: 1440, height: 900 },
    locale: "ko-KR",
    timezoneId: "Asia/Seoul",
    ...options,
  });
  const page = await context.newPage();
  const errors = [];
  context.on("weberror", (error) => errors.push(error.error().message));
  const started = Date.now();
  try {
    const note = await run({ page, context, world, browser });
    assert.deepEqual(errors, []);
    passed += 1;
    const seconds = ((Date.now() - started) / 1_000).toFixed(1);
    console.log(`ok   ${suite}: ${name} (${seconds} s${note ? `, ${note}` : ""})`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${suite}: ${name}: ${error.message}`);
    await page.screenshot({ path: join(tmpdir(), `e2e-failed-${failed}.png`) }).catch(() => undefined);
  }
  await context.close();
}

const waiting = SUITES.filter((suite) => chosen.length === 0 || chosen.includes(suite));
async function lane() {
  for (let suite = waiting.shift(); suite; suite = waiting.shift()) {
    const { tests, prepare } = await import(`./suites/${suite}.mjs`);
    const world = await makeWorld();
    try {
      await prepare?.(world);
      for (const test of tests) await runTest(suite, test, world);
    } catch (error) {
      failed += 1;
      console.log(`FAIL ${suite}: ${error.message}`);
    } finally {
      await world.end();
    }
  }
}
const started = Date.now();
await Promise.all(Array.from({ length: LANES }, lane));
await browser.close();
console.log(`${passed} passed, ${failed} failed in ${((Date.now() - started) / 1_000).toFixed(0)} s`);
process.exit(failed > 0 ? 1 : 0);
