import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, need } from "@/data/api/client";
import { STEP_MS, type Step, WINDOW_MS, type Window } from "@/data/types";
import { zoneOffset } from "@/format/time";
import { usePastVolume, useVolume } from "@/hooks/topics";
import { useNow } from "@/hooks/useNow";
import { channelFrom, isBucket, type Stretch, zoomStep } from "./range";

const WEEK_MS = 7 * 864e5;

/** The counts of the main chart, those of the week before, and what the figures of the head need. */
export function useKeywordChart(
  keyword: string,
  window: Window,
  step: Step,
  stretch: Stretch | undefined,
  at: string | undefined,
) {
  const now = useNow();
  const tz = zoneOffset();
  const zoom = stretch && !isBucket(stretch, step) ? stretch : undefined;
  const shownStep = zoom ? zoomStep(zoom.to - zoom.from) : step;
  const iso = (time: number) => new Date(time).toISOString();
  const from = zoom
    ? iso(zoom.from)
    : at
      ? iso(Date.parse(at) - WINDOW_MS[window])
      : channelFrom(window, step, now);
  const to = zoom ? iso(zoom.to) : at;
  const { data, error, unknown } = useVolume(keyword, shownStep, from, tz, to);
  const span = zoom ? zoom.to - zoom.from : WINDOW_MS[window];
  const points = useMemo(() => {
    if (!data) return undefined;
    const start = Date.parse(data.until) - span;
    return data.points.filter((point) => Date.parse(point.at) >= start);
  }, [data, span]);
  const first = points?.[0] ? Date.parse(points[0].at) : 0;
  const end = data ? Date.parse(data.until) : 0;

  const weekly = points !== undefined && shownStep !== "day" && window !== "30d" && span <= WEEK_MS;
  const lastWeek = usePastVolume(keyword, shownStep, first - WEEK_MS, end - WEEK_MS, tz, weekly);
  const previous = useMemo(() => {
    if (!weekly || !lastWeek || !points) return undefined;
    const counts = new Map(lastWeek.points.map((point) => [Date.parse(point.at) + WEEK_MS, point.count]));
    return points.map((point) => counts.get(Date.parse(point.at)) ?? null);
  }, [weekly, lastWeek, points]);

  const before = usePastVolume(keyword, shownStep, first - span, end - span, tz, points !== undefined);
  return {
    data,
    points,
    previous,
    step: shownStep,
    zoom,
    error,
    unknown,
    open: to === undefined && end > now - STEP_MS[shownStep],
    total: points?.reduce((sum, point) => sum + point.count, 0),
    before: before?.total,
  };
}

/** What the hours of now usually bring, by the formula of the spikes. */
export function useUsual(keyword: string): number | null | undefined {
  return useQuery({
    queryKey: ["usual", keyword],
    queryFn: async () => {
      const query = {
        step: "hour" as const,
        expected: "true" as const,
        from: new Date(Date.now() - 36e5).toISOString(),
      };
      const answer = await need(
        api.GET("/api/v1/keywords/{token}/volume", { params: { path: { token: keyword }, query } }),
      );
      return answer.points.at(-1)?.expected ?? null;
    },
    refetchInterval: 300_000,
  }).data;
}
