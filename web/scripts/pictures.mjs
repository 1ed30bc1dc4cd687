// Pictures of pages in both themes and languages at four widths.
import { mkdir, writeFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const WIDTHS = [360, 768, 1440, 2560];
const THEMES = ["light", "dark"];
const LANGUAGES = ["ko", "en"];
/** On a phone the feed scrolls with the page and has no end. */
const MAX_HEIGHT = 2_600;
const height = (width) => (width < 800 ? 800 : width > 2000 ? 1440 : 900);

/** WebP is a fifth of PNG here. Chromium encodes it, so no other program is needed. */
async function asWebP(studio, png) {
  const text = await studio.evaluate(async (data) => {
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", 0.82).split(",")[1];
  }, png.toString("base64"));
  return Buffer.from(text, "base64");
}

/**
 * `pages` maps the name of a picture to an address. Returns what is wrong: errors in the console, and pages that scroll
 * sideways.
 */
export async function takePictures(pages, folder, choice = {}) {
  const { widths = WIDTHS, themes = THEMES, languages = LANGUAGES, format = "webp" } = choice;
  const settle = Number(process.env.SETTLE_MS ?? 2_500);
  const problems = [];
  await mkdir(folder, { recursive: true });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
  const studio = await browser.newPage();

  async function open(context, [name, address], suffix) {
    const page = await context.newPage();
    const file = `${name}-${suffix}`;
    page.on("console", (message) => {
      // The page of an unknown path is answered with 404, as it should be.
      if (message.type() === "error" && message.location().url !== address)
        problems.push(`${file}: ${message.text()}`);
    });
    page.on("pageerror", (error) => problems.push(`${file}: ${error.message}`));
    await page.goto(address);
    return { page, file };
  }

  async function picture({ page, file }, width) {
    await page.bringToFront();
    const size = await page.evaluate(() => {
      const { scrollWidth, clientWidth, scrollHeight } = document.documentElement;
      return { over: scrollWidth - clientWidth, high: scrollHeight };
    });
    if (size.over > 0) problems.push(`${file}: ${size.over} px of sideways scroll`);
    // A window as high as the page, because sidebar and feed are as high as the window.
    await page.setViewportSize({ width, height: Math.max(height(width), Math.min(size.high, MAX_HEIGHT)) });
    await page.waitForTimeout(250);
    const png = await page.screenshot();
    await page.close();
    await writeFile(`${folder}/${file}.${format}`, format === "webp" ? await asWebP(studio, png) : png);
  }

  for (const width of widths)
    for (const theme of themes)
      for (const language of languages) {
        const context = await browser.newContext({
          viewport: { width, height: height(width) },
          locale: language === "ko" ? "ko-KR" : "en-GB",
          timezoneId: "Asia/Seoul",
          colorScheme: theme,
          reducedMotion: "reduce",
        });
        const suffix = `${theme}-${language}-${width}`;
        const opened = await Promise.all(Object.entries(pages).map((each) => open(context, each, suffix)));
        await new Promise((resolve) => setTimeout(resolve, settle));
        // One after the other: only the page in front is drawn.
        for (const each of opened) await picture(each, width);
        await context.close();
      }
  await browser.close();
  return problems;
}

/** The pages of a server that has data. */
export async function pagesOf(base) {
  const list = await (await fetch(`${base}/api/v1/overview`)).json();
  const tokens = list.keywords.map(({ token }) => token);
  // A keyword with a spike shows most.
  const keyword = list.spikes?.[0]?.token ?? tokens[0];
  const compared = tokens
    .slice(0, 4)
    .map((token) => `keyword=${token}`)
    .join("&");
  return {
    overview: `${base}/`,
    keyword: `${base}/k/${keyword}`,
    compare: `${base}/compare?${compared}`,
    ops: `${base}/ops`,
    "not-found": `${base}/nowhere`,
  };
}
