import { keywordOfPath } from "../token";
import { Live } from "./store";

declare global {
  /** The socket of `boot.js`. */
  var tidingsSocket: WebSocket | undefined;
}

/** The first page has long taken over what it shows by then. */
const HELD_MS = 10_000;

const url = () => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/live`;

/**
 * Starts the connection of all pages, on the socket that `boot.js` opened while the code was loading, and asks for what
 * the first page shows before its code has come.
 */
export function startLive(): Live {
  const live = new Live(url(), undefined, globalThis.tidingsSocket);
  globalThis.tidingsSocket = undefined;
  live.start();
  // The sidebar of every page shows this.
  live.use({ topic: { topic: "overview", window: "24h" } });
  const keyword = keywordOfPath(location.pathname);
  if (keyword !== undefined)
    for (const topic of ["ledger", "spikes", "timeline"] as const) {
      const release = live.use({ keyword, topic: { topic } });
      setTimeout(release, HELD_MS);
    }
  return live;
}
