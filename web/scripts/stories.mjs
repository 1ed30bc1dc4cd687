// Builds the static Storybook, shows every story in both themes in one browser, and checks each with axe.
// Usage: node scripts/stories.mjs [PART/PARTS] [NAME_PART]
// PART/PARTS, such as 1/3, checks only every third story. STORYBOOK=FOLDER uses a build that exists.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { COLOUR_RULES, launch, prepare, violations, within } from "./axe-core.mjs";

const [split = "1/1", only = ""] = process.argv.slice(2);
const [part, parts] = split.split("/").map(Number);
const STORY_MS = 15_000;
/** A story is a part of a page, so rules about whole pages do not apply to it. */
const PAGE_RULES = ["page-has-heading-one", "region", "landmark-one-main", "landmark-unique"];
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

async function build(folder) {
  const child = spawn("npx", ["--no-install", "storybook", "build", "--quiet", "-o", folder], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, STORYBOOK_DISABLE_TELEMETRY: "1" },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text) => {
      output += text;
    });
  const code = await new Promise((resolve) => child.once("exit", resolve));
  if (code !== 0) throw new Error(`storybook build ended with ${code}:\n${output.slice(-4_000)}`);
}

function serve(folder) {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://stories").pathname));
    try {
      const content = await readFile(join(folder, path === "/" ? "index.html" : path));
      response.setHeader("Content-Type", TYPES[extname(path)] ?? "application/octet-stream");
      response.end(content);
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

/** Tells Storybook's preview what to show, and waits until it is drawn. Runs in the page. */
const show = (storyId) =>
  new Promise((resolve, reject) => {
    const channel = globalThis.__STORYBOOK_ADDONS_CHANNEL__;
    const ends = {
      storyRendered: (id) => id === storyId && done(resolve),
      storyUnchanged: (id) => id === storyId && done(resolve),
      storyMissing: () => done(reject, "is missing"),
      storyErrored: ({ title }) => done(reject, title),
      storyThrewException: ({ message }) => done(reject, message),
    };
    function done(settle, message) {
      for (const [name, listen] of Object.entries(ends)) channel.off(name, listen);
      settle(message === undefined ? undefined : new Error(message));
    }
    for (const [name, listen] of Object.entries(ends)) channel.on(name, listen);
    channel.emit("setCurrentStory", { storyId, viewMode: "story" });
  });

async function check(page, storyId, theme) {
  const name = `${storyId} ${theme}`;
  await page.evaluate(show, storyId);
  // Sizes are measured, and charts are drawn, in the frames after that.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 50)));
  const empty = await page.evaluate(() => !document.querySelector("main")?.childElementCount);
  if (empty) return [`${name}: shows nothing`];
  return violations(page, name, theme === "light" ? { without: PAGE_RULES } : { only: COLOUR_RULES });
}

const started = Date.now();
const seconds = () => `${((Date.now() - started) / 1_000).toFixed(0)} s`;
const folder = process.env.STORYBOOK ?? (await mkdtemp(join(tmpdir(), "tidings-storybook-")));
const found = [];
let server;
let browser;
try {
  if (!process.env.STORYBOOK) await build(folder);
  console.log(`built after ${seconds()}`);
  server = await serve(folder);
  const base = `http://127.0.0.1:${server.address().port}`;
  const { entries } = JSON.parse(await readFile(join(folder, "index.json"), "utf8"));
  const ids = Object.values(entries)
    .filter(({ type, id }) => type === "story" && id.includes(only))
    .map(({ id }) => id)
    .filter((_, index) => index % parts === part - 1);
  browser = await launch();
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" });
  for (const theme of ["light", "dark"]) {
    // The add-on's own check would run at the same time.
    const globals = `theme:${theme};a11y.manual:!true`;
    await page.goto(`${base}/iframe.html?id=${ids[0]}&viewMode=story&globals=${globals}`);
    await page.waitForFunction(() => document.querySelector("main")?.childElementCount);
    await prepare(page);
    for (const id of ids) {
      try {
        found.push(...(await within(STORY_MS, id, check(page, id, theme))));
      } catch (error) {
        found.push(`${id} ${theme}: ${error.message}`);
      }
    }
  }
  for (const text of found) console.log(text);
  console.log(`${ids.length} stories in two themes, ${found.length} faults; ${seconds()}`);
} finally {
  await browser?.close();
  server?.close();
  if (!process.env.STORYBOOK) await rm(folder, { recursive: true, force: true });
}
process.exitCode = found.length > 0 ? 1 : 0;
