import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { ApiError, api, need } from "@/data/api/client";
import { useChannel } from "@/data/live/context";
import type { TimelineState } from "@/data/topics/timeline";
import type { VolumeState } from "@/data/topics/volume";
import type { WholeState } from "@/data/topics/whole";
import type {
  Ledger,
  Overview,
  Point,
  Ranking,
  RankingBy,
  RankingOrder,
  Related,
  Spike,
  Step,
  Window,
} from "@/data/types";

/** An answer, where it stands, and what went wrong. It is live, or frozen at a moment in the past. */
export interface Answer<T> {
  data: T | undefined;
  seq: number;
  epoch: string | undefined;
  error: string | undefined;
  /** The keyword is not tracked. */
  unknown: boolean;
  retry: (() => void) | undefined;
}

type WithPosition = { as_of: number; epoch: string };

function useWhole<T extends object>(
  channel: Parameters<typeof useChannel>[0],
  at: string | undefined,
  key: readonly unknown[],
  load: () => Promise<T & WithPosition>,
): Answer<T> {
  const live = useChannel<WholeState<T>>(at ? undefined : channel);
  const past = useQuery({
    queryKey: [...key, at],
    queryFn: load,
    enabled: at !== undefined,
    placeholderData: keepPreviousData,
  });
  if (at !== undefined) {
    const status = past.error instanceof ApiError ? past.error.status : undefined;
    return {
      data: past.data,
      seq: past.data?.as_of ?? 0,
      epoch: past.data?.epoch,
      error: past.error?.message,
      unknown: status === 404,
      retry: () => void past.refetch(),
    };
  }
  return {
    data: live.state?.answer,
    seq: live.state?.seq ?? 0,
    epoch: live.state?.epoch,
    error: live.error?.message,
    unknown: live.error?.code === "not_tracked" || live.error?.code === "not_permitted",
    retry: undefined,
  };
}

export const useOverview = (window: Window, at?: string) =>
  useWhole<Overview>({ topic: { topic: "overview", window } }, at, ["overview", window], () =>
    need(api.GET("/api/v1/overview", { params: { query: { window, at } } })),
  );

export const useRanking = (
  keyword: string,
  by: RankingBy,
  window: Window,
  limit: number,
  order: RankingOrder,
  at?: string,
) =>
  useWhole<Ranking>(
    { keyword, topic: { topic: "ranking", by, window, limit, order } },
    at,
    ["ranking", keyword, by, window, limit, order],
    () =>
      need(
        api.GET("/api/v1/keywords/{token}/ranking", {
          params: { path: { token: keyword }, query: { by, window, limit, order, at } },
        }),
      ),
  );

export const useRelated = (keyword: string, window: Window, at?: string, limit = 50) =>
  useWhole<Related>(
    { keyword, topic: { topic: "related", window, limit } },
    at,
    ["related", keyword, window, limit],
    () =>
      need(
        api.GET("/api/v1/keywords/{token}/related", {
          params: { path: { token: keyword }, query: { window, at, limit } },
        }),
      ),
  );

export const useSpikes = (keyword: string, at?: string) =>
  useWhole<{ spikes: Spike[] }>({ keyword, topic: { topic: "spikes" } }, at, ["spikes", keyword], () =>
    need(
      api.GET("/api/v1/keywords/{token}/spikes", { params: { path: { token: keyword }, query: { to: at } } }),
    ),
  );

export const useLedger = (keyword: string) =>
  useWhole<Ledger>({ keyword, topic: { topic: "ledger" } }, undefined, ["ledger", keyword], () =>
    Promise.reject(new Error("live only")),
  );

/** The live feed of a keyword. */
export function useTimeline(keyword: string, enabled: boolean) {
  return useChannel<TimelineState>(enabled ? { keyword, topic: { topic: "timeline" } } : undefined);
}

export interface VolumeAnswer {
  points: readonly Point[];
  until: string;
  seq: number;
  epoch: string;
}

/** Counts of a keyword. A given end freezes them; without one they are live. */
export function useVolume(
  keyword: string,
  step: Step,
  from: string | undefined,
  tz: string,
  to: string | undefined,
) {
  const tzOf = step === "day" ? tz : "+00:00";
  const channel =
    to === undefined
      ? { keyword, topic: { topic: "volume" as const, step, tz: tzOf, ...(from ? { from } : {}) } }
      : undefined;
  const live = useChannel<VolumeState>(channel);
  const frozen = useQuery({
    queryKey: ["volume", keyword, step, from, to, tzOf],
    queryFn: () =>
      need(
        api.GET("/api/v1/keywords/{token}/volume", {
          params: { path: { token: keyword }, query: { step, from, to, tz: tzOf } },
        }),
      ),
    enabled: to !== undefined,
    placeholderData: keepPreviousData,
  });
  const data: VolumeAnswer | undefined =
    to === undefined ? live.state : frozen.data && { ...frozen.data, seq: frozen.data.as_of };
  return {
    data,
    error: live.error?.message ?? frozen.error?.message,
    unknown: live.error?.code === "not_tracked",
  };
}

/** Counts of an earlier stretch, which no longer change much: the previous period of a chart. */
export function usePastVolume(
  keyword: string,
  step: Step,
  from: number,
  to: number,
  tz: string,
  enabled: boolean,
) {
  const query = {
    step,
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    tz: step === "day" ? tz : "+00:00",
  };
  return useQuery({
    queryKey: ["past-volume", keyword, query],
    queryFn: () =>
      need(api.GET("/api/v1/keywords/{token}/volume", { params: { path: { token: keyword }, query } })),
    enabled,
    staleTime: 300_000,
    // Its times move every minute, so each answer is asked for once.
    gcTime: 60_000,
    placeholderData: keepPreviousData,
  }).data;
}
