// Sends tweets to one keyword at a steady rate while its page is open, and reports long tasks, frames and heap.
// Usage: node scripts/perf.mjs BASE_URL SERVER_URL [SECONDS] [TWEETS_PER_SECOND]
import { chromium } from "playwright-core";

const [base, server, seconds = "60", rate = "200"] = process.argv.slice(2);
const KEYWORD = "부하";
const post = (lines) =>
  fetch(`${server}/api/v1/tweets`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: lines.join("\n"),
  });
let next = 0;
const tweets = (count) =>
  Array.from({ length: count }, () => {
    next += 1;
    const metrics = { likes: next % 50, reposts: 0, replies: 0, quotes: 0 };
    return JSON.stringify({
      type: "tweet.posted",
      id: `perf:${Date.now()}:${next}`,
      at: new Date().toISOString(),
      author: { handle: `user_${next % 400}` },
      text: `${KEYWORD} 시험 ${next} 단어${next % 90} 말${next % 37}`,
      metrics,
      keyword: KEYWORD,
    });
  });

await post(tweets(500));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--js-flags=--expose-gc", "--enable-precise-memory-info"],
});
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
await page.goto(`${base}/k/${encodeURIComponent(KEYWORD)}?window=1h`);
await page.locator(".tweet").first().waitFor();
await page.waitForTimeout(3_000);
const session = await page.context().newCDPSession(page);
const heap = async () => {
  await session.send("HeapProfiler.collectGarbage");
  return (await session.send("Runtime.getHeapUsage")).usedSize / 1e6;
};
await page.evaluate(() => {
  globalThis.tasks = [];
  new PerformanceObserver((list) =>
    globalThis.tasks.push(...list.getEntries().map(({ duration }) => duration)),
  ).observe({ entryTypes: ["longtask"] });
  globalThis.frames = 0;
  const count = () => {
    globalThis.frames += 1;
    requestAnimationFrame(count);
  };
  requestAnimationFrame(count);
});

const step = 50;
const started = Date.now();
const warm = Number(seconds) / 3;
let first = 0;
for (let sent = 0; Date.now() - started < Number(seconds) * 1_000; sent += 1) {
  await post(tweets((Number(rate) * step) / 1_000));
  if (first === 0 && Date.now() - started > warm * 1_000) first = await heap();
  const ahead = started + (sent + 1) * step - Date.now();
  if (ahead > 0) await new Promise((resolve) => setTimeout(resolve, ahead));
}
const last = await heap();
const { tasks, frames } = await page.evaluate(() => ({ tasks: globalThis.tasks, frames: globalThis.frames }));
console.log(`${next} tweets in ${((Date.now() - started) / 1_000).toFixed(0)} s`);
console.log(
  `long tasks: ${tasks.length}, longest ${Math.max(0, ...tasks).toFixed(0)} ms; frames per second: ${(frames / ((Date.now() - started) / 1_000)).toFixed(0)}`,
);
console.log(`heap after ${warm.toFixed(0)} s ${first.toFixed(1)} MB, at the end ${last.toFixed(1)} MB`);
await browser.close();
