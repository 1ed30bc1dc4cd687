// What a collector reports, on the page of operations and on the charts. The reports are made up here, because a collector
// needs a source.
import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { assertNoSidewaysScroll } from "../page.mjs";

const KEYWORD = "모루폰";
const OTHER = "별가루단";
const ago = (minutes) => new Date(Date.now() - minutes * 6e4).toISOString();

const report = (changes = {}) => ({
  name: "bluesky",
  kind: "bluesky",
  instance: "1",
  state: "live",
  detail: null,
  received: 1_000,
  journaled: 40,
  unmatched: 950,
  duplicate: 6,
  rejected: 3,
  waiting: 1,
  control: 20,
  connected_at: ago(30),
  last_post_at: ago(0),
  last_byte_at: ago(0),
  retry_at: null,
  reconnects: 1,
  keywords: { tracked: 2, pending: [], refused: [], narrow: [] },
  rules: 0,
  requests: 4,
  rate: null,
  cost: null,
  gaps: [],
  backfill: null,
  ...changes,
});

const lost = () => ({ gap: 1, from: ago(130), to: ago(60), cause: "cursor", state: "lost", posts: 0 });

/** Reports to the server, as a collector does. */
async function put(world, body) {
  const response = await fetch(`${world.server}/api/v1/sources/${body.name}`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 204, await response.text());
}

/** Answers the question for the sources with what `sources` returns at that time. */
const answer = (page, sources) =>
  page.route("**/api/v1/sources", (route) => route.fulfill({ json: { sources: sources() } }));

export const prepare = async (world) => {
  await world.publishAll(
    Array.from({ length: 60 }, (_, n) => ({
      keyword: KEYWORD,
      text: `${KEYWORD} 소식 ${n}`,
      at: ago(n * 10),
    })),
  );
  await world.publish(OTHER, 5);
};

export const tests = [
  {
    name: "operations say how to start a collector while there is none",
    async run({ page, world }) {
      await page.goto("/ops");
      const code = page.getByRole("group", { name: "수집기를 켜는 명령" });
      await code.waitFor();
      const text = await code.textContent();
      assert.match(text, /tidings collect bluesky --server http:\/\/127\.0\.0\.1:\d+\n/);
      assert.ok(text.includes(world.baseURL));
      assert.match(text, /sources\.bluesky\.enabled=true/);
    },
  },
  {
    name: "the server shows what a collector reports",
    async run({ page, world }) {
      await put(world, report({ gaps: [lost()] }));
      await page.goto("/ops");
      const source = page.locator(".src");
      await source.waitFor();
      assert.match(await source.textContent(), /bluesky.*수집 중.*1,000 ✓.*위치를 잃음.*놓침/);
      await put(world, report({ state: "stopped", detail: "SIGTERM" }));
      await source.getByText("SIGTERM").waitFor({ timeout: 8_000 });
      assert.match(await source.textContent(), /멈춤/);
    },
  },
  {
    name: "a source moves in its place: sum, rate and state",
    async run({ page }) {
      let now = report();
      await answer(page, () => [now]);
      await page.goto("/ops");
      const source = page.locator(".src");
      await source.waitFor();
      const before = await source.elementHandle();
      assert.match(await source.textContent(), /수집 중.*1,000 ✓.*합이 맞아요/);
      now = report({ received: 1_600, state: "backing_off", retry_at: ago(-3), detail: "HTTP 503" });
      await source.getByText(/에 다시 연결해요/).waitFor({ timeout: 8_000 });
      assert.match(await source.textContent(), /HTTP 503.*1,600 ≠.*합이 600건 달라요/);
      const rate = source.getByText("초당 기록").locator("xpath=following-sibling::dd[1]");
      const perSecond = Number(await rate.textContent());
      assert.ok(perSecond > 60 && perSecond <= 125, `${perSecond} a second`);
      now = report({ state: "gone" });
      await source.getByText("보고가 끊김").waitFor({ timeout: 8_000 });
      assert.ok(await before.evaluate((element) => element.isConnected));
    },
  },
  {
    name: "a gap is marked on the charts, named in the tooltip, and listed",
    async run({ page, world }) {
      await answer(page, () => [report({ gaps: [lost()] })]);
      await page.goto(`${world.path(KEYWORD)}?window=24h`);
      const band = page.locator(".volume-chart .gap-lost rect");
      await band.waitFor();
      const box = await band.boundingBox();
      const plot = await page.locator(".volume-chart .u-over").boundingBox();
      // 70 of the 24 · 60 minutes.
      assert.ok(Math.abs(box.width - (plot.width * 70) / 1_440) < 4, `${box.width} of ${plot.width}`);
      assert.ok(Math.abs(box.y - plot.y) < 1.5 && Math.abs(box.height - plot.height) < 1.5, "top and bottom");
      await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
      await page.locator(".tip", { hasText: "bluesky · 위치를 잃음 · 놓침" }).waitFor();
      await page.getByText("수집이 끊긴 구간 1개").click();
      await page.locator(".gap-list li", { hasText: "bluesky · 위치를 잃음 · 놓침" }).waitFor();
      await page.keyboard.press("t");
      await page.locator("td .gap-words").first().waitFor();
      await page.goto("/");
      await page.locator(".ov-chart .gap-lost").waitFor();
      await page.goto(`/compare?keyword=${KEYWORD}&keyword=${OTHER}&window=24h`);
      await page.locator("main .chart .gap-lost").first().waitFor();
    },
  },
  {
    name: "a phone shows a source with everything it can have, without sideways scroll",
    options: { viewport: { width: 360, height: 800 } },
    async run({ page }) {
      const long = "아주아주긴키워드".repeat(8);
      await answer(page, () => [
        report({
          name: "a_source_with_the_longest_name_3",
          detail: long.repeat(3),
          keywords: {
            tracked: 40,
            pending: [long, long],
            refused: [{ keyword: long, reason: "r".repeat(300) }],
            narrow: [long],
          },
          rate: { limit: 450, remaining: 7, reset: ago(-9) },
          cost: { posts: 12_404_000, usd: 62_020, month_usd: 18_500 },
          gaps: [lost(), { ...lost(), gap: 2, to: null, state: "open" }],
          backfill: { from: ago(43_200), to: null, done: false, posts: 1e7, requests: 1e5, eta_seconds: 9e4 },
        }),
      ]);
      await page.goto("/ops");
      await page.locator(".source-gaps").waitFor();
      await wait(300);
      await assertNoSidewaysScroll(page, "operations");
    },
  },
];
