// Takes a picture of every page in both themes and languages at four widths.
// Usage: node scripts/shots.mjs BASE_URL OUT_FOLDER [page-name-part] [widths] [themes] [languages]
import { mkdir } from "node:fs/promises";
import { chromium } from "playwright-core";

const [
  base = "http://127.0.0.1:4820",
  out = "shots",
  only = "",
  widths = "360,768,1440,2560",
  themes = "light,dark",
  languages = "ko,en",
] = process.argv.slice(2);

const list = await (await fetch(`${base}/api/v1/overview`)).json();
const [first, second, third, fourth] = list.keywords.map(({ token }) => token);
const pages = {
  overview: "/",
  keyword: `/k/${first}?window=7d`,
  compare: `/compare?keyword=${first}&keyword=${second}&keyword=${third}&keyword=${fourth}`,
  ops: "/ops",
};

await mkdir(out, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
let problems = 0;
for (const width of widths.split(",").map(Number)) {
  for (const theme of themes.split(",")) {
    for (const language of languages.split(",")) {
      const context = await browser.newContext({
        viewport: { width, height: width < 800 ? 800 : width > 2000 ? 1440 : 900 },
        locale: language === "ko" ? "ko-KR" : "en-GB",
        timezoneId: "Asia/Seoul",
        colorScheme: theme,
        reducedMotion: "reduce",
      });
      for (const [name, path] of Object.entries(pages)) {
        if (!name.includes(only)) continue;
        const page = await context.newPage();
        page.on("console", (message) => {
          if (message.type() === "error") {
            problems += 1;
            console.error(`${name} ${width}: ${message.text()}`);
          }
        });
        page.on("pageerror", (error) => {
          problems += 1;
          console.error(`${name} ${width}: ${error.message}`);
        });
        await page.goto(base + path);
        await page.waitForTimeout(Number(process.env.SETTLE_MS ?? 2500));
        const wide = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        if (wide > 0) {
          problems += 1;
          console.error(`${name} ${width} ${language}: ${wide} px of sideways scroll`);
        }
        await page.screenshot({ path: `${out}/${name}-${theme}-${language}-${width}.png`, fullPage: true });
        await page.close();
      }
      await context.close();
    }
  }
}
await browser.close();
process.exitCode = problems > 0 ? 1 : 0;
