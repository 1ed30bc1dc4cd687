import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { setTimeout as wait } from "node:timers/promises";

const FIRST = "모루폰";
const SECOND = "별가루단";
const HOURS = 24 * 36;
const WORDS = "카메라 배터리 화면 가격 디자인 매장 예약 무게 색상 충전 소리 손맛 주머니 지도 사진 영상".split(
  " ",
);
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const prepare = async (world) => {
  // Five quiet weeks and a loud hour: a spike.
  const now = Date.now();
  const at = (hours) => new Date(now - hours * 36e5).toISOString();
  const text = (n) =>
    `${FIRST} ${WORDS[n % 11]} ${WORDS[(n * 5) % 14]} ${WORDS[(n * 3) % 16]} #출시${n % 4} @shop_${n % 6}`;
  const quiet = Array.from({ length: HOURS }, (_, n) => ({
    keyword: FIRST,
    at: at(HOURS - n),
    text: text(n),
  }));
  const loud = Array.from({ length: 90 }, (_, n) => ({ keyword: FIRST, at: at(0.001 * n), text: text(n) }));
  await world.publishAll([...quiet, ...loud]);
  await world.publish(SECOND, 30);
};

const pages = (world) => ({
  overview: "/",
  keyword: world.path(FIRST),
  "keyword as lists": `${world.path(FIRST)}?map=list&author=user_1`,
  compare: `/compare?keyword=${encodeURIComponent(FIRST)}&keyword=${encodeURIComponent(SECOND)}`,
  operations: "/ops",
  "not found": "/nowhere",
  untracked: world.path("아무도 모르는 말"),
});

const settled = async (page) => {
  await page.locator("main").waitFor();
  await page.waitForFunction(() => !document.querySelector(".skel, [aria-busy=true]"), undefined, {
    timeout: 5_000,
  });
  await wait(300);
};

async function violations(page, name) {
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.flatMap(({ id, nodes }) =>
    nodes
      .slice(0, 3)
      .map(({ html, failureSummary }) => `${name}: ${id}: ${html.slice(0, 140)}: ${failureSummary}`),
  );
}

const checked = (colorScheme, width, locale) => ({
  name: `axe finds nothing on any page (${colorScheme}, ${width} px, ${locale})`,
  options: {
    colorScheme,
    locale,
    viewport: { width, height: 900 },
    reducedMotion: "reduce",
    bypassCSP: true,
  },
  async run({ page, world }) {
    const found = [];
    for (const [name, path] of Object.entries(pages(world))) {
      await page.goto(path);
      await settled(page);
      await page.evaluate(axe);
      found.push(...(await violations(page, name)));
    }
    assert.deepEqual(found, []);
    return `${Object.keys(pages(world)).length} pages`;
  },
});

/** What Tab must reach: everything that can be used, but only one of each group that arrow keys move through. */
const reachable = () => {
  const shown = (element) =>
    element.checkVisibility?.({ visibilityProperty: true }) && !element.closest("[inert]");
  return [
    ...document.querySelectorAll("a[href], button:not(:disabled), input, select, [tabindex='0']"),
  ].filter((element) => shown(element) && element.tabIndex >= 0);
};

/** Walks through the page with Tab, and returns what had no focus ring, was out of sight, or was never reached. */
async function walk(page) {
  await page.evaluate(`globalThis.reachable = ${reachable}`);
  const wrong = new Set();
  let steps = 0;
  await page.evaluate(() => {
    globalThis.walked = new Set();
    document.activeElement?.blur();
    getSelection()?.removeAllRanges();
  });
  for (; steps < 400; steps += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return { end: true };
      const name = `${element.tagName.toLowerCase()}.${element.className}`;
      if (globalThis.walked.has(element)) return { end: true };
      globalThis.walked.add(element);
      const rows = [...document.querySelectorAll(".feed-l .tweet")];
      const row = rows.indexOf(element.closest(".feed-l .tweet"));
      const ring = [element, element.parentElement, element.querySelector("circle")].some((each) => {
        if (!each) return false;
        const style = getComputedStyle(each);
        return (
          (style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 2) ||
          (style.stroke !== "none" && each.tagName === "circle")
        );
      });
      const box = element.getBoundingClientRect();
      const seen = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
      return { name, ring, seen, row };
    });
    if (at.end) break;
    if (!at.ring) wrong.add(`no focus ring: ${at.name}`);
    if (!at.seen) wrong.add(`focus out of sight: ${at.name}`);
    // The feed has no end; a few rows show that it works.
    if (at.row >= 3) break;
  }
  const missed = await page.evaluate(() =>
    globalThis
      .reachable()
      .filter((element) => !globalThis.walked.has(element) && !element.closest(".feed-l"))
      // A group of buttons hands its focus to one of them.
      .filter((element) => ![...element.querySelectorAll("*")].some((child) => globalThis.walked.has(child)))
      .map((element) => `not reached: ${element.outerHTML.slice(0, 120)}`),
  );
  return { steps, wrong: [...wrong, ...missed] };
}

/** What can be clicked must be usable by keyboard: it takes the focus, or stands in a group that does. */
const clickable = () =>
  [...document.querySelectorAll("main *, nav *")]
    .filter((element) => getComputedStyle(element).cursor === "pointer" && element.checkVisibility())
    .filter(
      (element) => !element.closest("a[href], button, input, label, select, [tabindex], [role=application]"),
    )
    .map((element) => element.outerHTML.slice(0, 120));

export const tests = [
  checked("light", 1440, "ko-KR"),
  checked("dark", 1440, "en-GB"),
  checked("light", 360, "en-GB"),
  checked("dark", 360, "ko-KR"),
  {
    name: "Tab reaches everything on every page, with a focus ring, in sight",
    options: { viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" },
    async run({ page, world }) {
      const notes = [];
      const all = [];
      for (const [name, path] of Object.entries(pages(world))) {
        await page.goto(path);
        await settled(page);
        const { steps, wrong } = await walk(page);
        notes.push(steps);
        all.push(...wrong.map((text) => `${name}: ${text}`));
        all.push(...(await page.evaluate(clickable)).map((html) => `${name}: only for the pointer: ${html}`));
      }
      assert.deepEqual(all, []);
      return `${notes.join(", ")} stops`;
    },
  },
  {
    name: "the keyboard alone adds a keyword, reads a spike, opens its tweets and shares the link",
    options: { permissions: ["clipboard-read", "clipboard-write"] },
    async run({ page }) {
      await page.goto("/");
      await settled(page);
      await page.keyboard.press("n");
      await page.keyboard.type("새로운 말");
      await page.keyboard.press("Enter");
      await page.locator("h1", { hasText: "새로운 말" }).waitFor({ timeout: 10_000 });
      await page.keyboard.press("/");
      await page.keyboard.type(FIRST);
      await page.keyboard.press("Enter");
      await page.locator("h1", { hasText: FIRST }).waitFor({ timeout: 10_000 });
      await page.locator(".why").waitFor();
      await page.locator(".volume-chart").focus();
      await page.keyboard.press("End");
      await page.locator(".tip").waitFor();
      assert.ok((await page.locator(".volume-chart [aria-live]").textContent()).length > 5);
      await page.keyboard.press("Enter");
      await page.locator(".feed-banner").waitFor({ timeout: 10_000 });
      await page.keyboard.press("Shift+S");
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), page.url());
      await page.keyboard.press("?");
      await page.locator("dialog[open]").waitFor();
      await page.keyboard.press("Escape");
      await page.locator("dialog[open]").waitFor({ state: "detached" });
    },
  },
  {
    name: "the focus stays where it is while live data moves",
    async run({ page, world }) {
      await page.goto(world.path(FIRST));
      await settled(page);
      const places = [
        ".rlist li:nth-child(4) button",
        ".map g[tabindex='0']",
        ".volume-chart",
        ".feed-l .tweet",
        ".klist a:nth-child(2)",
        "[role=tab]",
      ];
      for (const selector of places) {
        const element = page.locator(selector).first();
        await element.focus();
        await page.evaluate(() => {
          globalThis.held = document.activeElement;
        });
        await world.publish(FIRST, 30, { text: `${FIRST} 새단어 가격1 배터리2` });
        await wait(1_300);
        const kept = await page.evaluate(
          () => globalThis.held === document.activeElement && document.activeElement !== document.body,
        );
        assert.ok(kept, `${selector} lost the focus`);
      }
    },
  },
  {
    name: "nothing moves under reduced motion",
    options: { reducedMotion: "reduce" },
    async run({ page, world }) {
      for (const path of ["/", world.path(FIRST)]) {
        await page.goto(path);
        await settled(page);
        await world.publish(FIRST, 3);
        await wait(700);
        const moving = await page.evaluate(() =>
          document
            .getAnimations()
            .filter(
              ({ playState, effect }) => playState === "running" && effect.getComputedTiming().duration > 1,
            )
            .map(
              ({ animationName, effect }) => `${animationName ?? "transition"} ${effect.target?.className}`,
            ),
        );
        assert.deepEqual(moving, []);
      }
    },
  },
];
