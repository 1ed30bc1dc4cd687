import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin, type ProxyOptions } from "vite";

/** The server that answers /api while developing. */
const server = process.env.TIDINGS_SERVER ?? "http://127.0.0.1:4820";

/** What the binary sends with the page. The previews send it too, so that a violation is seen early. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/** The server refuses foreign origins, and the page of the dev server has one. */
const proxied: ProxyOptions = {
  target: server,
  changeOrigin: true,
  ws: true,
  configure: (proxy) => {
    proxy.on("proxyReq", (request) => request.removeHeader("origin"));
    proxy.on("proxyReqWs", (request) => request.removeHeader("origin"));
  },
};

/** Compresses scripts and styles of the preview, as the binary does, so that load times can be measured. */
const compressed: Plugin = {
  name: "compressed-preview",
  configurePreviewServer(server) {
    const folder = server.config.build.outDir;
    server.middlewares.use((request, response, next) => {
      const path = request.url?.split("?")[0] ?? "";
      const type = { js: "text/javascript", css: "text/css" }[path.split(".").at(-1) ?? ""];
      if (!type || !path.startsWith("/assets/") || path.includes("..")) return next();
      readFile(join(folder, path)).then(
        (content) => {
          response.setHeader("Content-Type", type);
          response.setHeader("Content-Encoding", "gzip");
          response.setHeader("Content-Security-Policy", contentSecurityPolicy);
          response.end(gzipSync(content));
        },
        () => next(),
      );
    });
  },
};

/** The module of each page and language that `boot.js` asks for. */
const PARTS: Readonly<Record<string, string>> = {
  overview: "src/pages/overview/OverviewPage.tsx",
  keyword: "src/pages/keyword/KeywordPage.tsx",
  compare: "src/pages/compare/ComparePage.tsx",
  ops: "src/pages/ops/OpsPage.tsx",
  ko: "src/i18n/ko.json",
  en: "src/i18n/en.json",
};

/**
 * The parts of the font with Latin letters, figures and the most frequent syllables. They are loaded beside the code, so
 * that few letters change their width after the first paint.
 */
const FONTS = [91, 90, 89, 88].map((part) => `PretendardVariable.subset.${part}-`);

/** Writes the files of the first page into `index.html`, where `boot.js` reads them. */
const firstParts: Plugin = {
  name: "first-parts",
  apply: "build",
  transformIndexHtml: {
    order: "post",
    handler(html, { bundle, path }) {
      // Storybook has a page of its own.
      if (path !== "/index.html") return html;
      const chunks = Object.values(bundle ?? {}).filter((file) => file.type === "chunk");
      const entry = chunks.find(({ isEntry }) => isEntry);
      const loaded = new Set([entry?.fileName, ...(entry?.imports ?? [])]);
      const attributes = Object.entries(PARTS).map(([name, module]) => {
        const chunk = chunks.find(({ facadeModuleId }) => facadeModuleId?.endsWith(module));
        if (!chunk) throw new Error(`no file of the build holds ${module}`);
        const files = [chunk.fileName, ...chunk.imports].filter((file) => !loaded.has(file));
        return `data-${name}="${files.map((file) => `/${file}`).join(" ")}"`;
      });
      const script = '<script src="/boot.js"';
      if (!html.includes(script)) throw new Error("index.html does not load boot.js");
      const tags = FONTS.map((name) => {
        const font = Object.keys(bundle ?? {}).find((file) => file.includes(name));
        if (!font) throw new Error(`the build has no font ${name}`);
        const attrs = { rel: "preload", as: "font", type: "font/woff2", crossorigin: true, href: `/${font}` };
        return { tag: "link", attrs, injectTo: "head" as const };
      });
      return { html: html.replace(script, `${script} ${attributes.join(" ")}`), tags };
    },
  },
};

const proxy = { "/api": proxied, "/readyz": proxied, "/healthz": proxied, "/metrics": proxied };

export default defineConfig({
  plugins: [react(), compressed, firstParts],
  resolve: { alias: { "@": fileURLToPath(new URL("src", import.meta.url)) } },
  server: { proxy },
  preview: { proxy, headers: { "Content-Security-Policy": contentSecurityPolicy } },
  build: {
    // Data URLs would need `data:` in the policy.
    assetsInlineLimit: 0,
    target: "es2022",
    // The tokens are OKLCH, which these browsers know; lowering them would double the file.
    cssTarget: ["chrome111", "firefox113", "safari16.4"],
    chunkSizeWarningLimit: 400,
    // Many small files wait for each other on a slow line. What several pages use is one file, and all styles are one;
    // what only one page needs, and what is large, stays apart.
    cssCodeSplit: false,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            {
              name: "shared",
              test: (id) =>
                !/react-virtuoso|uplot|d3-|Donut|RelatedMap|GapMarks|i18n\/(ko|en|gaps\.)/i.test(id),
              minShareCount: 2,
            },
          ],
        },
      },
    },
  },
});
