import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { equalsFreshLoad } from "../page.mjs";

const KEYWORD = "서리온";
const SLEEP_MS = 600_000;

export const prepare = async (world) => {
  await world.publish(KEYWORD, 80);
  await world.publish("별가루단", 30);
};

export const tests = [
  {
    name: "a killed and restarted server is resumed, and the page equals a fresh load",
    async run({ page, context, world }) {
      await page.goto(world.path(KEYWORD));
      await page.locator(".led-b").waitFor();
      await world.stop("SIGKILL");
      await page.locator(".conn-banner").waitFor({ timeout: 5_000 });
      await world.start();
      await world.publish(KEYWORD, 5);
      await page.locator(`.tweet[data-id="${world.newest()}"]`).waitFor({ timeout: 35_000 });
      await page
        .locator(".conn-banner", { hasText: /다시 받았어요|모두 채웠어요/ })
        .waitFor({ timeout: 10_000 });
      await equalsFreshLoad(page, context);
    },
  },
  {
    name: "code that does not come at first is loaded again, and the rest of the page stays",
    async run({ page, world }) {
      let refused = 0;
      await page.route("**/assets/RelatedMap-*.js", (route) => {
        if (refused === 2) return route.continue();
        refused += 1;
        return route.abort();
      });
      await page.goto(world.path(KEYWORD));
      await page.locator(".feed-l .tweet").first().waitFor();
      // The tweets of this keyword have too few words for a map, and the code of the map says so.
      await page.getByText("단어가 더 모이면").waitFor({ timeout: 15_000 });
      assert.equal(refused, 2);
    },
  },
  {
    name: "ten minutes of sleep are filled in, and said once",
    async run({ page, context, world }) {
      // Ten minutes later the clock of the page is right.
      await page.clock.install({ time: Date.now() - SLEEP_MS });
      await page.goto(world.path(KEYWORD));
      await page.locator(".feed-l .tweet").first().waitFor();
      await page.locator(".led-b").waitFor();
      world.silence();
      await world.publish(KEYWORD, 60);
      await wait(300);
      await page.clock.fastForward(SLEEP_MS);
      await page.locator(`.tweet[data-id="${world.newest()}"]`).waitFor({ timeout: 12_000 });
      await page.locator(".conn-banner", { hasText: "60" }).waitFor({ timeout: 10_000 });
      await page.locator(".conn-banner").waitFor({ state: "detached", timeout: 8_000 });
      const ids = await page
        .locator(".feed-l .tweet")
        .evaluateAll((rows) => rows.map((row) => row.dataset.id));
      assert.equal(new Set(ids).size, ids.length);
      await equalsFreshLoad(page, context);
    },
  },
  {
    name: "a silent connection is called stale before it counts as lost",
    async run({ page, world }) {
      await page.clock.install();
      await page.goto(world.path(KEYWORD));
      await page.locator(".feed-l .tweet").first().waitFor();
      world.silence();
      await page.clock.runFor(22_000);
      await page.locator(".asof .live.stale").waitFor({ timeout: 10_000 });
    },
  },
];
