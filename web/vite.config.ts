import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig, type ProxyOptions } from "vite";

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

const proxy = { "/api": proxied, "/readyz": proxied, "/healthz": proxied, "/metrics": proxied };

export default defineConfig({
  plugins: [react()],
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
  },
});
