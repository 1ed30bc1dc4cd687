import type { TimelineLine, Tweet } from "../types";
import { type Position, positionOf, verdict } from "./position";

/** The oldest tweet that the client holds; null when nothing older exists. */
export type Floor = { at: string; id: string } | null;

export interface TimelineState extends Position {
  /** Newest first by (`at`, `id`). Complete from the first tweet down to the floor. */
  tweets: readonly Tweet[];
  floor: Floor;
  /** Lines of the same list follow; the state is not yet a whole one. */
  partial: boolean;
  /** The tweets that were deleted last, the newest deletion at the end: a feed says so where they stood. */
  gone: readonly Place[];
  /** So many tweets are held at most. It grows with what a reader loads from the past. */
  limit: number;
}

/** More than a reader who does not scroll back can use. */
export const MAX_HELD = 3_000;

export type Place = { at: string; id: string };
const MAX_GONE = 50;

/** Positive when `a` is newer. Times are UTC with milliseconds, so text order is time order. */
export function comparePlaces(a: Place, b: Place): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

const isAbove = (tweet: Place, floor: Floor) => floor === null || comparePlaces(tweet, floor) >= 0;
const newestFirst = (tweets: Iterable<Tweet>) => [...tweets].sort((a, b) => comparePlaces(b, a));

type Changes = { added: Tweet[]; changed: { id: string; metrics: Tweet["metrics"] }[]; removed: string[] };

function applied(
  tweets: readonly Tweet[],
  floor: Floor,
  { added, changed, removed }: Changes,
): readonly Tweet[] {
  if (added.length + changed.length + removed.length === 0) return tweets;
  const newest = tweets[0];
  // The usual case in a burst: only new tweets, all above those that are held.
  if (
    changed.length + removed.length === 0 &&
    newest &&
    added.every((tweet) => comparePlaces(tweet, newest) > 0)
  ) {
    return [...newestFirst(added), ...tweets];
  }
  const held = new Map(tweets.map((tweet) => [tweet.id, tweet]));
  for (const tweet of added) if (isAbove(tweet, floor)) held.set(tweet.id, tweet);
  for (const { id, metrics } of changed) {
    const tweet = held.get(id);
    if (tweet) held.set(id, { ...tweet, metrics });
  }
  for (const id of removed) held.delete(id);
  return newestFirst(held.values());
}

function withGone({ tweets, gone }: TimelineState, removed: readonly string[]): readonly Place[] {
  if (removed.length === 0) return gone;
  const ids = new Set(removed);
  const places = tweets.filter(({ id }) => ids.has(id)).map(({ at, id }) => ({ at, id }));
  return [...gone, ...places].slice(-MAX_GONE);
}

/** Drops the oldest tweets over the limit, and raises the floor to the oldest that stays. */
function bounded(state: TimelineState): TimelineState {
  if (state.tweets.length <= state.limit) return state;
  const tweets = state.tweets.slice(0, state.limit);
  const oldest = tweets.at(-1);
  return { ...state, tweets, floor: oldest ? { at: oldest.at, id: oldest.id } : state.floor };
}

/** Returns the next state, or "gap" when an update is missing and the channel must start again. */
export function timeline(state: TimelineState | undefined, line: TimelineLine): TimelineState | "gap" {
  if (line.type === "snapshot") {
    const partial = line.more === true;
    const tweets = state?.partial ? [...state.tweets, ...line.items] : line.items;
    return {
      ...positionOf(line),
      tweets: newestFirst(tweets),
      floor: line.floor,
      partial,
      gone: [],
      limit: MAX_HELD,
    };
  }
  const action = verdict(state, line);
  if (action === "gap" || !state) return "gap";
  if (action !== "apply") return state;
  const tweets = applied(state.tweets, state.floor, line);
  return bounded({ ...state, ...positionOf(line), tweets, gone: withGone(state, line.removed) });
}

/** A result page below the floor, and every line that came since it was asked for. */
export interface OlderPage {
  items: readonly Tweet[];
  /** Whether the page reaches the first tweet of all. */
  last: boolean;
  since: readonly TimelineLine[];
}

/**
 * Lowers the floor. The page may be older than the state, so the updates that came while it was on its way are
 * applied to it once more: their values are absolute.
 */
export function withOlder(state: TimelineState, { items, last, since }: OlderPage): TimelineState {
  const held = new Set(state.tweets.map((tweet) => tweet.id));
  const oldest = items.at(-1);
  const floor: Floor = last ? null : oldest ? { at: oldest.at, id: oldest.id } : state.floor;
  let tweets: readonly Tweet[] = newestFirst([
    ...state.tweets,
    ...items.filter((tweet) => !held.has(tweet.id)),
  ]);
  for (const line of since) if (line.type === "update") tweets = applied(tweets, floor, line);
  return { ...state, tweets, floor, limit: Math.max(state.limit, tweets.length + MAX_HELD) };
}
