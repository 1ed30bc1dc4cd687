// Drives the built dashboard in Chromium against a real server.
// Usage: TIDINGS_BIN=path/to/tidings node e2e/run.mjs   (after npm run build)
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { chromium } from "playwright-core";
import { preview } from "vite";

const binary = process.env.TIDINGS_BIN ?? "../target/release/tidings";
const KEYWORD = "모루폰";

const freePort = () =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

const data = await mkdtemp(join(tmpdir(), "tidings-e2e-"));
const port = await freePort();
const server = `http://127.0.0.1:${port}`;
let child;

// The server takes every variable with this prefix for a setting, and refuses unknown ones.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TIDINGS_")));

async function startServer() {
  child = spawn(binary, ["serve", "--listen", `127.0.0.1:${port}`, "--data", data], { stdio: "ignore", env });
  for (let tries = 0; tries < 100; tries += 1) {
    await wait(100);
    if ((await fetch(`${server}/readyz`).catch(() => undefined))?.ok) return;
  }
  child.kill();
  throw new Error("the server did not start");
}

async function stopServer(signal) {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await ended;
}

let next = 1;
async function publish(count, changes = {}) {
  const lines = Array.from({ length: count }, () => {
    const n = next++;
    const event = {
      type: "tweet.posted",
      id: `e2e:${n}`,
      at: new Date(Date.now() - 1).toISOString(),
      author: { handle: `user_${n % 7}` },
      text: `${KEYWORD} 소식 ${n}`,
      lang: "ko",
      keyword: KEYWORD,
      ...changes,
    };
    return JSON.stringify(event);
  });
  const answer = await fetch(`${server}/api/v1/tweets`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: lines.join("\n"),
  });
  const body = await answer.json();
  assert.equal(body.accepted, count);
  return body.seq;
}

const tests = [];
const test = (name, run) => tests.push({ name, run });

test("first run tracks a keyword and turns into the overview by itself", async (page) => {
  await page.goto("/");
  await page.getByRole("textbox").fill(KEYWORD);
  await page.locator(".first-form button").click();
  await page.locator(".chip.tide", { hasText: KEYWORD }).waitFor();
  await page.locator("code", { hasText: KEYWORD }).first().waitFor();
  await publish(1);
  await page.locator(".kw-table").waitFor({ timeout: 3_000 });
});

test("a live tweet appears within a second of its publish, markup as text", async (page) => {
  await page.goto(`/k/${encodeURIComponent(KEYWORD)}`);
  await page.locator(".tweet").first().waitFor();
  const text = `${KEYWORD} <img src=x onerror=alert(1)> ${Date.now()}`;
  const started = Date.now();
  await publish(1, { text });
  await page.locator(".tweet .x", { hasText: text }).first().waitFor({ timeout: 1_000 });
  assert.equal(await page.locator(".tweet img").count(), 0);
  return `${Date.now() - started} ms`;
});

test("new tweets wait behind the pill while the feed is scrolled", async (page) => {
  await publish(120);
  await page.goto(`/k/${encodeURIComponent(KEYWORD)}`);
  const list = page.locator(".feed-l [data-virtuoso-scroller]");
  await page.locator(".tweet").first().waitFor();
  await list.evaluate((element) => element.scrollTo(0, 600));
  await wait(300);
  const first = await page.locator(".tweet").first().getAttribute("data-id");
  await publish(3);
  await page.locator(".newpill", { hasText: "3" }).waitFor({ timeout: 2_000 });
  assert.equal(await page.locator(".tweet").first().getAttribute("data-id"), first);
  await page.locator(".newpill").click();
  await page.locator(`.tweet[data-id="e2e:${next - 1}"]`).waitFor({ timeout: 2_000 });
});

test("the feed scrolls back over 1,000 tweets without a duplicate or a hole", async (page) => {
  await publish(1_100);
  await page.goto(`/k/${encodeURIComponent(KEYWORD)}`);
  await page.locator(".tweet").first().waitFor();
  const seen = new Map();
  for (let round = 0; round < 400 && seen.size < 1_050; round += 1) {
    const rows = await page
      .locator(".feed-l .tweet")
      .evaluateAll((all) => all.map((row) => [row.dataset.id, Number(row.getAttribute("aria-posinset"))]));
    for (const [id, position] of rows) {
      assert.ok(!seen.has(id) || seen.get(id) === position, `${id} stands twice`);
      seen.set(id, position);
    }
    await page.locator(".feed-l [data-virtuoso-scroller]").evaluate((element) => element.scrollBy(0, 900));
    await wait(60);
  }
  const positions = [...seen.values()].sort((a, b) => a - b);
  assert.ok(positions.length >= 1_000, `only ${positions.length} tweets were reached`);
  for (const [index, position] of positions.entries()) assert.equal(position, index + 1);
  return `${positions.length} tweets`;
});

test("a killed and restarted server is resumed, and the page equals a fresh load", async (page, context) => {
  await page.goto(`/k/${encodeURIComponent(KEYWORD)}`);
  await page.locator(".led-b").waitFor();
  await stopServer("SIGKILL");
  await page.locator(".conn-banner").waitFor({ timeout: 5_000 });
  await startServer();
  await publish(5);
  const newest = `.tweet[data-id="e2e:${next - 1}"]`;
  await page.locator(newest).waitFor({ timeout: 35_000 });
  const fresh = await context.newPage();
  await fresh.goto(`/k/${encodeURIComponent(KEYWORD)}`);
  await fresh.locator(newest).waitFor();
  await wait(1_500);
  const read = (each) =>
    each.evaluate(() => [
      document.querySelector(".led-b")?.textContent,
      ...[...document.querySelectorAll(".feed-l .tweet")].slice(0, 8).map((row) => row.dataset.id),
    ]);
  assert.deepEqual(await read(page), await read(fresh));
  await fresh.close();
});

test("filters stand in the address and survive a reload", async (page) => {
  await page.goto(`/k/${encodeURIComponent(KEYWORD)}?author=user_3`);
  for (let load = 0; load < 2; load += 1) {
    await page.locator(".tweet").first().waitFor();
    await wait(300);
    const authors = await page.locator(".feed-l .tweet .h b").allTextContents();
    assert.ok(authors.length > 3 && authors.every((author) => author === "user_3"), authors.join());
    await page.reload();
  }
});

test("a point of the chart leads to its tweets", async (page) => {
  await page.goto(`/k/${encodeURIComponent(KEYWORD)}?window=24h`);
  const over = page.locator(".volume-chart .u-over");
  await over.waitFor();
  const box = await over.boundingBox();
  await page.mouse.click(box.x + box.width - 8, box.y + box.height / 2);
  await page.locator(".feed-banner").waitFor({ timeout: 3_000 });
  assert.match(page.url(), /from=.*to=/);
});

test("the palette adds a keyword by keyboard alone, and the menu removes it", async (page) => {
  await page.goto("/");
  await page.locator(".klist a").first().waitFor();
  await page.keyboard.press("n");
  await page.keyboard.type("us airways");
  await page.keyboard.press("Enter");
  await page.locator("h1", { hasText: "us airways" }).waitFor({ timeout: 4_000 });
  await page.locator(".khead [aria-haspopup=menu]").click();
  await page.locator(".menu .danger").click();
  await page.locator("dialog[open] .danger").click();
  await page.waitForURL((url) => url.pathname === "/");
  await page.locator(".klist a", { hasText: "us airways" }).waitFor({ state: "detached", timeout: 4_000 });
});

await startServer();
process.env.TIDINGS_SERVER = server;
const site = await preview({
  configFile: "vite.config.ts",
  preview: { port: 0, host: "127.0.0.1" },
  logLevel: "error",
}).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
const baseURL = site.resolvedUrls.local[0];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
let failed = 0;
for (const { name, run } of tests) {
  const context = await browser.newContext({
    baseURL,
    viewport: { width: 1440, height: 900 },
    locale: "ko-KR",
    timezoneId: "Asia/Seoul",
  });
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  try {
    const note = await run(page, context);
    assert.deepEqual(errors, []);
    console.log(`ok   ${name}${note ? ` (${note})` : ""}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${error.message}`);
    await page.screenshot({ path: join(tmpdir(), `e2e-failed-${failed}.png`) }).catch(() => undefined);
  }
  await context.close();
}
await browser.close();
await site.close();
await stopServer("SIGTERM");
await rm(data, { recursive: true, force: true });
console.log(`${tests.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
