import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";

const KEYWORD = "모루폰";
const WORDS = "카메라 배터리 화면 가격 디자인 매장 예약 무게 색상 충전 소리 손맛 주머니 지도 사진 영상".split(
  " ",
);

/** Clicks every button that saves a file, and returns the text of each file by its panel. */
async function saveAll(page) {
  const files = new Map();
  const buttons = page.getByRole("button", { name: "CSV 내려받기" });
  for (let index = 0; index < (await buttons.count()); index += 1) {
    const [file] = await Promise.all([page.waitForEvent("download"), buttons.nth(index).click()]);
    const stream = await file.createReadStream();
    let text = "";
    for await (const part of stream) text += part;
    files.set(file.suggestedFilename(), text);
  }
  return files;
}

export const prepare = async (world) => {
  const words = (n) => `${KEYWORD} ${WORDS[n % 11]} ${WORDS[(n * 5) % 14]} ${WORDS[(n * 3) % 16]}`;
  await world.publishAll(
    Array.from({ length: 120 }, (_, n) => ({
      keyword: KEYWORD,
      text: words(n),
      at: new Date(Date.now() - n * 6e5).toISOString(),
    })),
  );
  await world.publish("별가루단", 20);
};

export const tests = [
  {
    name: "filters stand in the address and survive a reload",
    async run({ page, world }) {
      await page.goto(`${world.path(KEYWORD)}?author=user_3`);
      for (let load = 0; load < 2; load += 1) {
        await page.locator(".tweet").first().waitFor();
        await wait(300);
        const authors = await page.locator(".feed-l .tweet .h b").allTextContents();
        assert.ok(authors.length > 3 && authors.every((author) => author === "user_3"), authors.join());
        await page.reload();
      }
    },
  },
  {
    name: "a point of the chart leads to its tweets",
    async run({ page, world }) {
      await page.goto(`${world.path(KEYWORD)}?window=24h`);
      const over = page.locator(".volume-chart .u-over");
      await over.waitFor();
      const box = await over.boundingBox();
      await page.mouse.click(box.x + box.width - 8, box.y + box.height / 2);
      await page.locator(".feed-banner").waitFor({ timeout: 3_000 });
      assert.match(page.url(), /from=.*to=/);
    },
  },
  {
    name: "a range of one's own restricts chart and feed, and stands in the address",
    async run({ page, world }) {
      await page.goto(world.path(KEYWORD));
      await page.locator(".feed-l .tweet").first().waitFor();
      await page.getByRole("button", { name: "기간 직접 고르기" }).click();
      const local = (hours) => {
        const date = new Date(Date.now() - hours * 36e5 + 9 * 36e5);
        return date.toISOString().slice(0, 16);
      };
      await page.locator("input[name=from]").fill(local(2));
      await page.locator("input[name=to]").fill(local(5));
      await page.locator(".pop button[type=submit]").click();
      await page.locator(".pop .errt").waitFor();
      await page.locator("input[name=from]").fill(local(8));
      await page.locator(".pop button[type=submit]").click();
      await page.waitForURL(/from=.*to=/);
      await page.locator(".feed-banner").waitFor();
      await page.locator(".feed-l .tweet").first().waitFor();
      const newest = await page.locator(".feed-l .tweet time").first().getAttribute("datetime");
      assert.ok(Date.parse(newest) < Date.now() - 4.9 * 36e5, newest);
      await page.reload();
      await page.locator(".feed-banner").waitFor();
    },
  },
  {
    name: "a hidden author stays hidden, also in what comes, until shown again",
    async run({ page, world }) {
      await page.goto(world.path(KEYWORD));
      const theirs = page.locator(".feed-l .tweet .h", { hasText: "user_2" });
      await theirs.first().hover();
      await page.locator(".feed-l .tweet:hover").getByRole("button", { name: "이 글쓴이 숨기기" }).click();
      await theirs.first().waitFor({ state: "detached" });
      await world.publish(KEYWORD, 1, { author: { handle: "user_2" } });
      await world.publish(KEYWORD, 1, { author: { handle: "user_5" } });
      await page.locator(`.tweet[data-id="${world.newest()}"]`).waitFor();
      assert.equal(await theirs.count(), 0);
      await page.reload();
      await page.locator(".feed-l .tweet").first().waitFor();
      assert.equal(await theirs.count(), 0);
      await page.locator(".feed-banner .chip button").click();
      await theirs.first().waitFor();
    },
  },
  {
    name: "the map opens over the page, and a word of it filters the feed",
    async run({ page, world }) {
      await page.goto(world.path(KEYWORD));
      await page.locator(".map g[role=button]").first().waitFor();
      await page.getByRole("button", { name: "크게 보기" }).click();
      const full = page.locator("dialog.full[open]");
      await full.locator("g[role=button]").nth(9).waitFor();
      assert.ok((await full.boundingBox()).width > 1_300);
      await page.keyboard.press("Escape");
      await full.waitFor({ state: "detached" });
      await page.getByRole("button", { name: "크게 보기" }).click();
      const word = await full.locator("g[role=button] text").first().textContent();
      await full.locator("g[role=button]").first().click();
      await page.locator(".feed-banner", { hasText: word }).waitFor();
    },
  },
  {
    name: "every table and series is saved as a file",
    options: { acceptDownloads: true },
    async run({ page, world }) {
      const all = [];
      const paths = ["/", world.path(KEYWORD), `/compare?keyword=${KEYWORD}&keyword=별가루단`, "/ops"];
      for (const path of paths) {
        await page.goto(path);
        await page.locator("main .card").first().waitFor();
        await wait(1_500);
        for (const [name, text] of await saveAll(page)) {
          assert.match(name, /^tidings_.*\.csv$/);
          assert.ok(text.startsWith("\ufeff"), name);
          assert.ok(text.split("\r\n").length > 2 || /spikes|received/.test(name), `${name}: ${text}`);
          all.push(name.replace(/^tidings_(모루폰_)?|_\d+-\d+\.csv$/g, ""));
        }
      }
      const expected =
        "keywords series spikes volume word related popular authors compare compare-sums compare-parts shared-words status shards received ledger";
      assert.deepEqual(all, expected.split(" "));
      return `${all.length} files`;
    },
  },
  {
    name: "every chart is saved as a picture of twice its size",
    options: { acceptDownloads: true },
    async run({ page, world }) {
      const all = [];
      const paths = ["/", world.path(KEYWORD), `/compare?keyword=${KEYWORD}&keyword=별가루단`];
      for (const path of paths) {
        await page.goto(path);
        await page.locator("main .chart").first().waitFor();
        await wait(1_500);
        const buttons = page.getByRole("button", { name: "그림으로 저장" });
        for (let index = 0; index < (await buttons.count()); index += 1) {
          const button = buttons.nth(index);
          const card = await button.locator("xpath=ancestor::section[1]").boundingBox();
          const [file] = await Promise.all([page.waitForEvent("download"), button.click()]);
          const name = file.suggestedFilename();
          assert.match(name, /^tidings_.*\.png$/);
          const png = await readFile(await file.path());
          assert.equal(png.toString("latin1", 1, 4), "PNG");
          // The card with a margin of 20 px, at two pixels a pixel.
          assert.ok(Math.abs(png.readUInt32BE(16) - (card.width + 40) * 2) <= 2, name);
          assert.ok(png.readUInt32BE(20) > card.height * 2, name);
          // A picture of one colour would be much smaller.
          assert.ok(png.length > 8_000, `${name}: ${png.length} bytes`);
          all.push(name.replace(/^tidings_(모루폰_)?|_\d+-\d+\.png$/g, ""));
        }
      }
      assert.deepEqual(all, "series share volume map compare compare-share compare-parts".split(" "));
      return `${all.length} pictures`;
    },
  },
  {
    name: "an entry of the legend hides its series",
    async run({ page }) {
      await page.goto("/");
      const columns = page.locator(".ov-chart svg rect");
      await columns.first().waitFor();
      const before = await columns.count();
      const entry = page.locator(".ov-legend button").first();
      await entry.click();
      assert.ok((await columns.count()) < before);
      assert.equal(await entry.getAttribute("aria-pressed"), "false");
      await entry.click();
      assert.equal(await columns.count(), before);
    },
  },
  {
    name: "a printed page is light, without controls, and says when and where it is from",
    options: { colorScheme: "dark" },
    async run({ page, world }) {
      await page.goto(world.path(KEYWORD));
      await page.locator(".volume-chart canvas").waitFor();
      await wait(1_000);
      const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
      assert.equal(await theme(), "dark");
      await page.evaluate(() => {
        globalThis.seen = [];
        const see = () => globalThis.seen.push(document.documentElement.dataset.theme);
        addEventListener("beforeprint", see);
        addEventListener("afterprint", () => setTimeout(see));
      });
      await page.pdf();
      await page.waitForFunction(() => globalThis.seen.length === 2);
      assert.deepEqual(await page.evaluate(() => globalThis.seen), ["light", "dark"]);
      await page.emulateMedia({ media: "print" });
      const hidden = [".side", ".feed", ".newpill", ".top .btn", ".seg"];
      for (const selector of hidden)
        for (const each of await page.locator(selector).all()) assert.ok(!(await each.isVisible()), selector);
      // Paper is narrow; what the wide page shows is printed all the same.
      await page.setViewportSize({ width: 703, height: 900 });
      await wait(300);
      assert.ok(await page.locator(".card.rm").isVisible());
      const foot = await page.locator(".print-foot").textContent();
      assert.match(foot, /tidings.*기준.*\/k\//);
    },
  },
  {
    name: "the print button prints a drawn chart",
    async run({ page, world }) {
      await page.goto(world.path(KEYWORD));
      await page.locator(".volume-chart canvas").waitFor();
      await wait(1_000);
      // The print begins and ends within the click.
      const drawn = await page.evaluate(() => {
        let pixels;
        const count = () => {
          const canvas = document.querySelector(".volume-chart canvas");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          pixels = data.filter((_, index) => index % 4 === 3 && data[index] > 0).length;
        };
        addEventListener("beforeprint", count, { once: true });
        document.querySelector('[aria-label="인쇄"]').click();
        return pixels;
      });
      assert.ok(drawn > 1_000, `${drawn} pixels`);
      return `${drawn} pixels`;
    },
  },
  {
    name: "nothing of a table is left out on paper, and a print says which tabs it does not hold",
    options: { viewport: { width: 703, height: 900 } },
    async run({ page, world }) {
      await page.goto("/");
      const columns = page.locator(".kw-table thead th:visible");
      await columns.first().waitFor();
      assert.equal(await columns.count(), 5);
      await page.emulateMedia({ media: "print" });
      assert.equal(await columns.count(), 8);
      const foot = await page.locator(".print-foot").boundingBox();
      const table = await page.locator(".kw-table").boundingBox();
      assert.ok(foot.y >= table.y + table.height, `${foot.y} after ${table.y + table.height}`);
      await page.goto(world.path(KEYWORD));
      const left = page.locator(".print-only", { hasText: "실시간 트윗, 자주 나온 말" });
      await left.waitFor();
      await page.emulateMedia({ media: "screen" });
      assert.ok(!(await left.isVisible()));
    },
  },
  {
    name: "another step of the chart leaves what stands below as it is",
    async run({ page, world }) {
      await page.goto(world.path(KEYWORD));
      const rising = page.locator(".rm .card-h button[aria-pressed]").first();
      await rising.click();
      assert.equal(await rising.getAttribute("aria-pressed"), "true");
      const before = await rising.elementHandle();
      await page.locator(".k-chart .seg").getByText("일", { exact: true }).click();
      await page.waitForURL(/step=day/);
      await wait(800);
      assert.equal(await rising.getAttribute("aria-pressed"), "true");
      assert.ok(await before.evaluate((element) => element.isConnected));
    },
  },
  {
    name: "operations show the ledger of each keyword",
    async run({ page }) {
      await page.goto("/ops");
      const cell = page.locator(".status-led").first();
      await cell.waitFor();
      assert.match(await cell.textContent(), /^([\d,]+) = \1$/);
      await cell.click();
      await page.locator(".pop .led-row").first().waitFor();
    },
  },
  {
    name: "a server that is behind says so",
    async run({ page, world }) {
      // A server of this size is never behind for long, so its answer is changed on the way.
      await page.route("**/readyz", async (route) => {
        const answer = await route.fetch();
        const body = await answer.json();
        body.shards[0].lag = 4_321;
        await route.fulfill({ response: answer, json: body });
      });
      await page.goto(world.path(KEYWORD));
      await page.locator(".conn-banner", { hasText: "4,321" }).waitFor({ timeout: 12_000 });
    },
  },
];
