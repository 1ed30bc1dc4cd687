// What several suites read from a page.
import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";

/** Everything that the page says but the times that pass. */
export const read = (page) =>
  page.evaluate(() => {
    const texts = (selector) =>
      [...document.querySelectorAll(selector)].map((element) => {
        const copy = element.cloneNode(true);
        for (const time of copy.querySelectorAll("time")) time.remove();
        return copy.textContent;
      });
    return {
      ledger: texts(".led-b"),
      figures: texts(".kpis dd"),
      chart: document.querySelector(".volume-chart")?.getAttribute("aria-label"),
      ranking: texts(".rlist li"),
      popular: texts(".pair .tweet"),
      sidebar: texts(".klist a"),
      feed: [...document.querySelectorAll(".feed-l .tweet")].slice(0, 8).map((row) => row.dataset.id),
    };
  });

/** Waits until a page shows the same as a page that was just loaded. */
export async function equalsFreshLoad(page, context, limitMs = 8_000) {
  const fresh = await context.newPage();
  await fresh.goto(page.url());
  await fresh.locator(".feed-l .tweet").first().waitFor();
  const until = Date.now() + limitMs;
  for (;;) {
    const [held, loaded] = [await read(page), await read(fresh)];
    try {
      assert.deepEqual(held, loaded);
      assert.ok(held.ranking.length > 0 && held.feed.length > 0 && held.chart);
      break;
    } catch (error) {
      if (Date.now() > until) throw error;
      await wait(250);
    }
  }
  await fresh.close();
}

/** Fails when the page scrolls sideways. */
export async function assertNoSidewaysScroll(page, name) {
  const over = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
  assert.ok(over <= 0, `${name}: ${over} px of sideways scroll`);
}
