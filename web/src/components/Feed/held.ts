import { comparePlaces } from "@/data/topics/timeline";
import type { Tweet } from "@/data/types";

/** The newest tweet that a feed shows while it holds still. */
export type Held = { at: string; id: string } | undefined;

/** Splits the tweets, newest first, at the held one: what is shown, and how many wait above. */
export function split(tweets: readonly Tweet[], held: Held): { shown: readonly Tweet[]; waiting: number } {
  if (!held) return { shown: tweets, waiting: 0 };
  const first = tweets.findIndex((tweet) => comparePlaces(tweet, held) <= 0);
  if (first < 0) return { shown: [], waiting: tweets.length };
  return { shown: tweets.slice(first), waiting: first };
}
