// Sends tweets to one keyword at a steady rate while its page is open, and reports long tasks, frames and heap; then
// scrolls the feed while they still come.
// Usage: node scripts/perf.mjs BASE_URL SERVER_URL [SECONDS] [TWEETS_PER_SECOND] [WARM_SECONDS]
//
// The engine compiles the same code better and larger for its first minute of work, whatever the page holds. The heap is
// measured after so many seconds of the same load.
//
// A task counts by the processor time of its thread: on a machine that does other work, the time by the clock is
// mostly that of the other work. Both are printed.
import { loadavg } from "node:os";
import { chromium } from "playwright-core";

const [base, server, seconds = "60", rate = "200", warm = "60"] = process.argv.slice(2);
const KEYWORD = "부하";
const LONG_MS = 50;
const MAX_GROWTH = 0.05;
/** The feed holds no more tweets than this, so the heap can only be flat after them. */
const HELD = 3_000;
const SCROLLED_S = 8;
/** A frame that came later than this was missed: one and a half at 60 a second. */
const MISSED_MS = 25;

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

/** Sends at the rate for so long. */
async function send(forSeconds) {
  const step = 50;
  const started = Date.now();
  for (let sent = 0; Date.now() - started < forSeconds * 1_000; sent += 1) {
    await post(tweets((Number(rate) * step) / 1_000));
    const ahead = started + (sent + 1) * step - Date.now();
    if (ahead > 0) await new Promise((resolve) => setTimeout(resolve, ahead));
  }
  return (Date.now() - started) / 1_000;
}

await post(tweets(500));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
await page.goto(`${base}/k/${encodeURIComponent(KEYWORD)}?window=1h`);
await page.locator(".tweet").first().waitFor();
await page.waitForTimeout(3_000);
const session = await page.context().newCDPSession(page);
/** The sizes of data and of compiled code, in MB. */
async function heap() {
  for (let round = 0; round < 2; round += 1) await session.send("HeapProfiler.collectGarbage");
  const parts = [];
  const take = ({ chunk }) => parts.push(chunk);
  session.on("HeapProfiler.addHeapSnapshotChunk", take);
  await session.send("HeapProfiler.takeHeapSnapshot", { reportProgress: false });
  session.off("HeapProfiler.addHeapSnapshotChunk", take);
  const { snapshot, nodes } = JSON.parse(parts.join(""));
  const fields = snapshot.meta.node_fields;
  const types = snapshot.meta.node_types[0];
  const sizes = { data: 0, code: 0 };
  for (let at = 0; at < nodes.length; at += fields.length) {
    const type = types[nodes[at + fields.indexOf("type")]];
    // Nodes outside of the script's heap, such as the entries of the performance timeline.
    if (type === "native") continue;
    sizes[type === "code" ? "code" : "data"] += nodes[at + fields.indexOf("self_size")] / 1e6;
  }
  return sizes;
}

// Fill what the feed holds at most, then measure.
await send(Math.max(Number(warm), Math.ceil((HELD * 1.2) / Number(rate))));
const before = await heap();
const events = [];
session.on("Tracing.dataCollected", ({ value }) => {
  for (const event of value)
    if (event.ph === "X" && (event.name.endsWith("RunTask") || event.name === "FireAnimationFrame"))
      events.push(event);
});
await page.evaluate(() => {
  globalThis.frames = 0;
  const count = () => {
    globalThis.frames += 1;
    requestAnimationFrame(count);
  };
  requestAnimationFrame(count);
});
await session.send("Tracing.start", {
  transferMode: "ReportEvents",
  traceConfig: { includedCategories: ["toplevel", "devtools.timeline"], excludedCategories: ["v8"] },
});
const took = await send(Number(seconds));
const frames = await page.evaluate(() => globalThis.frames);
const ended = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve));
await session.send("Tracing.end");
await ended;
const after = await heap();

/** Scrolls the feed down for some seconds, as a finger does, and returns the times between frames. */
async function scroll() {
  const box = await page.locator(".feed-l").boundingBox();
  await page.evaluate(() => {
    globalThis.gaps = [];
    let last = performance.now();
    const count = (now) => {
      globalThis.gaps.push(now - last);
      last = now;
      requestAnimationFrame(count);
    };
    requestAnimationFrame(count);
  });
  const speed = 1_500;
  await session.send("Input.synthesizeScrollGesture", {
    x: Math.round(box.x + box.width / 2),
    y: Math.round(box.y + 300),
    yDistance: -speed * SCROLLED_S,
    speed,
    gestureSourceType: "mouse",
  });
  return page.evaluate(() => globalThis.gaps.slice(1));
}
const [gaps] = await Promise.all([scroll(), send(SCROLLED_S + 1)]);
await browser.close();

// The thread of the page is the one that runs its frames.
const thread = ({ pid, tid }) => `${pid}:${tid}`;
const own = events.find(({ name }) => name === "FireAnimationFrame");
const tasks = events.filter(
  (event) => own && event.name.endsWith("RunTask") && thread(event) === thread(own),
);
const over = (field) => tasks.filter((task) => task[field] / 1_000 > LONG_MS).length;
const longest = (field) => Math.max(0, ...tasks.map((task) => (task[field] ?? 0) / 1_000)).toFixed(0);
const busy = tasks.reduce((sum, { tdur = 0 }) => sum + tdur, 0) / took / 1e4;
const all = ({ data, code }) => data + code;
const growth = all(after) / all(before) - 1;
console.log(
  `${next} tweets, ${rate} a second; measured for ${took.toFixed(0)} s; load ${loadavg()[0].toFixed(1)}`,
);
console.log(
  `tasks over ${LONG_MS} ms: ${over("tdur")} by processor time (longest ${longest("tdur")} ms), ${over("dur")} by the clock (longest ${longest("dur")} ms)`,
);
console.log(
  `the page's thread is busy for ${busy.toFixed(0)} % of the time; ${(frames / took).toFixed(0)} frames a second`,
);
const percent = (name) => ((after[name] / before[name] - 1) * 100).toFixed(1);
const inMb = (name) =>
  `${before[name].toFixed(2)} MB, at the end ${after[name].toFixed(2)} MB (${percent(name)} %)`;
console.log(
  `heap: whole ${(growth * 100).toFixed(1)} %; data ${inMb("data")}; compiled code ${inMb("code")}`,
);
const sorted = gaps.toSorted((a, b) => a - b);
const missed = gaps.filter((gap) => gap > MISSED_MS).length;
const scrolled = gaps.reduce((sum, gap) => sum + gap, 0);
console.log(
  `scrolling for ${(scrolled / 1_000).toFixed(1)} s: ${((gaps.length / scrolled) * 1_000).toFixed(0)} frames a second, ${missed} of ${gaps.length} later than ${MISSED_MS} ms, the longest ${sorted.at(-1)?.toFixed(0)} ms`,
);
process.exitCode = over("tdur") > 0 || growth > MAX_GROWTH || tasks.length === 0 ? 1 : 0;
