import { useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo } from "react";
import { api, need } from "@/data/api/client";
import { useLive } from "@/data/live/context";
import { comparePlaces, type Place, type TimelineState } from "@/data/topics/timeline";
import type { Tweet } from "@/data/types";
import { useTimeline } from "@/hooks/topics";

const PAGE = 50;
const FEW = 20;
const NONE: readonly Place[] = [];
/** A filtered feed has no channel of its own; its newest result page is asked for again. */
const REFRESH_MS = 3_000;

export interface FeedFilter {
  from?: string | undefined;
  to?: string | undefined;
  lang?: string | undefined;
  author?: string | undefined;
  q?: string | undefined;
}

export const isFiltered = (filter: FeedFilter) => Object.values(filter).some((value) => value !== undefined);

const page = (keyword: string, query: FeedFilter & { before?: string; limit: number }) =>
  need(api.GET("/api/v1/keywords/{token}/timeline", { params: { path: { token: keyword }, query } }));

/** The tweets below the floor. Those of the floor's millisecond may be asked for again, and are left out. */
async function below(keyword: string, floor: NonNullable<TimelineState["floor"]>) {
  const to = new Date(Date.parse(floor.at) + 1).toISOString();
  const items: Tweet[] = [];
  let before: string | undefined;
  do {
    const answer = await page(keyword, { to, limit: PAGE, ...(before ? { before } : {}) });
    items.push(...answer.items.filter((tweet) => comparePlaces(tweet, floor) < 0));
    before = answer.next ?? undefined;
  } while (items.length === 0 && before);
  return { items, last: before === undefined };
}

export interface FeedData {
  tweets: readonly Tweet[] | undefined;
  /** What was deleted while it was held. */
  gone: readonly Place[];
  atEnd: boolean;
  older: () => void;
  error: string | undefined;
  retry: (() => void) | undefined;
}

/** The live feed of a keyword, or the part of it that a filter leaves. */
export function useFeed(keyword: string, filter: FeedFilter, hidden: readonly string[]): FeedData {
  const feed = useWholeFeed(keyword, filter);
  const key = hidden.join("\n");
  const { tweets, older, atEnd } = feed;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the joined names stand for the list.
  const shown = useMemo(
    () => (hidden.length === 0 ? tweets : tweets?.filter(({ author }) => !hidden.includes(author.handle))),
    [tweets, key],
  );
  // A list that is too short to be scrolled asks for no more by itself.
  const short = hidden.length > 0 && shown !== undefined && shown.length < FEW && !atEnd;
  const loaded = tweets?.length;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each page that has come may not be enough.
  useEffect(() => {
    if (short) older();
  }, [short, loaded]);
  return { ...feed, tweets: shown };
}

function useWholeFeed(keyword: string, filter: FeedFilter): FeedData {
  const live = useLive();
  const filtered = isFiltered(filter);
  const timeline = useTimeline(keyword, true);
  const older = useCallback(() => {
    const channel = { keyword, topic: { topic: "timeline" as const, limit: PAGE } };
    void live.older(channel, (state) =>
      state.floor ? below(keyword, state.floor) : Promise.resolve({ items: [], last: true }),
    );
  }, [live, keyword]);

  const pages = useInfiniteQuery({
    queryKey: ["feed", keyword, filter],
    queryFn: ({ pageParam }) =>
      page(keyword, { ...filter, limit: PAGE, ...(pageParam ? { before: pageParam } : {}) }),
    initialPageParam: "",
    getNextPageParam: (last) => last.next ?? undefined,
    enabled: filtered,
    refetchInterval: ({ state }) =>
      state.data?.pages.length === 1 && filter.to === undefined ? REFRESH_MS : false,
  });
  const found = useMemo(() => pages.data?.pages.flatMap(({ items }) => items), [pages.data]);
  if (!filtered) {
    return {
      tweets: timeline.state?.tweets,
      gone: timeline.state?.gone ?? NONE,
      atEnd: timeline.state?.floor === null,
      older,
      error: timeline.error?.message,
      retry: undefined,
    };
  }
  return {
    tweets: found,
    gone: NONE,
    atEnd: pages.data !== undefined && !pages.hasNextPage,
    older: () => {
      if (pages.hasNextPage && !pages.isFetchingNextPage) void pages.fetchNextPage();
    },
    error: pages.error?.message,
    retry: () => void pages.refetch(),
  };
}
