// Runs axe in a page, and tells what it found.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });

/** Fails with the name of the work when it takes longer. The work itself goes on. */
export async function within(ms, name, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name}: not done after ${ms / 1_000} s`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Gives a page axe, unless it has it. */
export async function prepare(page) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
}

/** The rules whose result depends on the theme. */
export const COLOUR_RULES = ["color-contrast", "link-in-text-block"];

/**
 * What axe finds in a page, one text for each kind of violation. `without` names rules that do not apply, `only` those
 * that do.
 */
export async function violations(page, name, { without = [], only } = {}) {
  const found = await page.evaluate(
    ({ off, on }) =>
      globalThis.axe.run(document, {
        resultTypes: ["violations"],
        // No rule that is on reads style sheets or media.
        preload: false,
        ...(on ? { runOnly: on } : {}),
        rules: Object.fromEntries(off.map((id) => [id, { enabled: false }])),
      }),
    { off: without, on: only },
  );
  return found.violations.map(
    ({ id, nodes }) =>
      `${name}: ${id} (${nodes.length})\n  ${nodes
        .slice(0, 3)
        .map(({ html, failureSummary }) => `${html.slice(0, 160)}\n    ${failureSummary.split("\n")[1]}`)
        .join("\n  ")}`,
  );
}
