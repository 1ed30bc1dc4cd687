import type { NamedGap, SourceGap, SourceReport } from "@/data/sources";
import { until } from "./samples";

/** Made-up reports of sources for stories and tests. Nothing here depends on the clock. */
const ago = (minutes: number) => new Date(Date.parse(until) - minutes * 6e4).toISOString();

export const gap = (number: number, changes: Partial<SourceGap> = {}): SourceGap => ({
  gap: number,
  from: ago(600 - number * 90),
  to: ago(600 - number * 90 - 20),
  cause: "network",
  state: "filled",
  posts: 182 * number,
  ...changes,
});

/** One gap of each kind that a chart marks: filled, lost, and still open. */
export const gaps: readonly SourceGap[] = [
  gap(1),
  gap(2, { cause: "cursor", state: "lost", posts: 0 }),
  gap(3, { cause: "stall", state: "filling", posts: 40 }),
  gap(6, { cause: "server", state: "open", from: ago(40), to: null, posts: 0 }),
];

export const namedGaps: readonly NamedGap[] = gaps.map((each) => ({ ...each, source: "bluesky" }));

export const report = (changes: Partial<SourceReport> = {}): SourceReport => ({
  name: "bluesky",
  kind: "bluesky",
  instance: "7f3a",
  state: "live",
  detail: null,
  received: 482_190,
  journaled: 12_404,
  unmatched: 469_210,
  duplicate: 561,
  rejected: 3,
  waiting: 12,
  control: 90_112,
  connected_at: ago(130),
  last_post_at: ago(0),
  last_byte_at: ago(0),
  retry_at: null,
  reconnects: 2,
  keywords: { tracked: 10, pending: [], refused: [], narrow: [] },
  rules: 0,
  requests: 41,
  rate: null,
  cost: null,
  gaps: [],
  backfill: null,
  requests_by: [],
  reconnects_by: [],
  ...changes,
});

/** A source with everything that a report can tell. */
export const fullReport: SourceReport = report({
  name: "x",
  kind: "x",
  state: "backing_off",
  detail: "TooManyConnections: this stream is at its maximum allowed connection limit",
  connected_at: null,
  retry_at: new Date(Date.parse(until) + 6e4).toISOString(),
  reconnects: 14,
  keywords: {
    tracked: 24,
    pending: ["우당탕면", "안개나루"],
    refused: [{ keyword: "wrenna quill", reason: "Ambiguous use of or as a keyword" }],
    narrow: ["雲海", "さくら"],
  },
  rules: 6,
  rate: { limit: 450, remaining: 7, reset: new Date(Date.parse(until) + 9e5).toISOString() },
  cost: { posts: 12_404, usd: 62.02, month_usd: 18.5 },
  gaps: [...gaps],
  backfill: {
    from: ago(30 * 1_440),
    to: ago(0),
    done: false,
    posts: 84_120,
    requests: 842,
    eta_seconds: 5_460,
  },
});
