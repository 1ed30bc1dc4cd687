import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { assertNoSidewaysScroll } from "../page.mjs";

const MANY = 200;
const MARKUP = '<script>window.hit=1</script><img src=x onerror="window.hit=1">';
const ODD = {
  "64 code points": "가나다라마바사아자차카타파하거너".repeat(4),
  "64 letters without a break": "pneumonoultramicroscopicsilicovo".repeat(2),
  "right to left": "שלום עולם",
  emoji: "👩‍👩‍👧‍👦🙌",
  markup: "<b>굵게</b>",
};
const PLAIN = "모루폰";
const LONG = `${PLAIN} ${"끝이없는이야기 ".repeat(1_000)}${"띄어쓰기없는글".repeat(400)}`.slice(0, 10_000);

export const prepare = async (world) => {
  const names = Array.from({ length: MANY }, (_, n) => `키워드${String(n + 1).padStart(3, "0")}`);
  await world.publishAll(names.map((keyword, n) => ({ keyword, text: `${keyword} 글 ${n}` })));
  for (const keyword of Object.values(ODD)) await world.publish(keyword, 3);
  await world.publish(PLAIN, 40);
  await world.publish(PLAIN, 1, { text: LONG });
  await world.publishAll([
    {
      keyword: PLAIN,
      text: `${PLAIN} ${MARKUP} #<b>태그</b>`,
      author: { handle: "<i>작성자</i>" },
      url: "javascript:window.hit=1",
      metrics: { likes: 900, reposts: 1, replies: 0, quotes: 0 },
    },
  ]);
};

const pages = (world) => ({
  overview: "/",
  keyword: world.path(PLAIN),
  compare: `/compare?keyword=${encodeURIComponent(PLAIN)}&keyword=${encodeURIComponent(ODD.markup)}`,
  operations: "/ops",
  "not found": "/nowhere",
});

export const tests = [
  {
    name: "200 keywords: all are listed, and the palette finds each",
    async run({ page }) {
      await page.goto("/");
      await page.locator(".kw-table tbody tr").nth(MANY).waitFor({ timeout: 20_000 });
      // The sidebar draws only what is seen of a long list.
      assert.ok((await page.locator(".klist a").count()) < 100);
      await page.keyboard.press("/");
      await page.keyboard.type("키워드173");
      await page.keyboard.press("Enter");
      await page.locator("h1", { hasText: "키워드173" }).waitFor({ timeout: 10_000 });
    },
  },
  {
    name: "odd keywords are opened, named and kept within their places",
    async run({ page, world }) {
      for (const width of [1440, 360]) {
        await page.setViewportSize({ width, height: 900 });
        for (const [name, keyword] of Object.entries(ODD)) {
          await page.goto(world.path(keyword));
          await page.locator(".feed-l .tweet").first().waitFor();
          assert.equal((await page.locator("main h1").textContent()).trim(), keyword, name);
          await assertNoSidewaysScroll(page, `${name} at ${width}`);
        }
      }
      await page.setViewportSize({ width: 1440, height: 900 });
      const query = Object.values(ODD).map((keyword) => `keyword=${encodeURIComponent(keyword)}`);
      await page.goto(`/compare?${query.join("&")}`);
      await page
        .locator(".cmp-chips .ell")
        .nth(Object.keys(ODD).length - 1)
        .waitFor();
      await assertNoSidewaysScroll(page, "compare");
    },
  },
  {
    name: "a tweet of 10,000 characters is folded, opens whole, and stays within the feed",
    async run({ page, world }) {
      await page.goto(world.path(PLAIN));
      const long = page.locator(".feed-l .tweet", { hasText: "끝이없는이야기" });
      await long.waitFor();
      const folded = (await long.boundingBox()).height;
      assert.ok(folded < 320, `folded to ${folded} px`);
      await long.locator(".more").click();
      await wait(200);
      assert.equal((await long.locator(".x").textContent()).length, LONG.trim().length);
      const { right, edge } = await long.evaluate((row) => ({
        right: row.querySelector(".x").scrollWidth,
        edge: row.clientWidth,
      }));
      assert.ok(right <= edge, `${right} px of text in ${edge} px`);
      await assertNoSidewaysScroll(page, "long tweet");
    },
  },
  {
    name: "markup in every field is shown as text",
    async run({ page, world }) {
      for (const [name, path] of Object.entries(pages(world))) {
        await page.goto(path);
        await page.locator("main").waitFor();
        await wait(600);
        const found = await page.evaluate(() => ({
          hit: globalThis.hit,
          elements: document.querySelectorAll("#root script, #root img").length,
          links: document.querySelectorAll('a[href^="javascript"]').length,
        }));
        assert.deepEqual(found, { hit: undefined, elements: 0, links: 0 }, name);
      }
      await page.goto(world.path(PLAIN));
      await page.locator(".feed-l .tweet .x", { hasText: MARKUP }).first().waitFor();
      await page.locator(".feed-l .tweet .h", { hasText: "<i>작성자</i>" }).first().waitFor();
    },
  },
  ...["ko-KR", "en-GB"].flatMap((locale) => [
    {
      name: `no sideways scroll at 200 % zoom (${locale})`,
      options: { locale, viewport: { width: 720, height: 450 }, deviceScaleFactor: 2 },
      run: fitsEverywhere,
    },
    {
      name: `no sideways scroll on a phone of 360 px (${locale})`,
      options: { locale, viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true },
      run: fitsEverywhere,
    },
  ]),
];

async function fitsEverywhere({ page, world }) {
  for (const [name, path] of Object.entries(pages(world))) {
    await page.goto(path);
    await page.locator("main").waitFor();
    await wait(500);
    await assertNoSidewaysScroll(page, name);
  }
}
