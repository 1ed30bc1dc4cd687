import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { Rate } from "@/components/RateChart/RateChart";
import type { ShardState } from "@/components/ShardLag/ShardLag";
import { ApiError, api, need } from "@/data/api/client";
import { type Metrics, parseMetrics } from "@/data/metrics";
import type { Readiness, Shard } from "@/data/types";

const POLL_MS = 2_000;
const KEPT_MS = 20 * 60_000;
const STALLED_MS = 10_000;

/** An answer of `readyz`, whether it says ready or not. */
export type Ready = Partial<Omit<Readiness, "status">> & { status: string };

async function readReady(): Promise<Ready> {
  const response = await fetch("/readyz");
  const body: unknown = await response.json();
  if (typeof body !== "object" || body === null) throw new ApiError(response.status, undefined, undefined);
  const answer = body as Ready & { state?: string };
  return { ...answer, status: response.ok ? answer.status : (answer.state ?? "starting") };
}

async function readMetrics(): Promise<{ metrics: Metrics; at: number } | null> {
  const response = await fetch("/metrics");
  // Another address may serve them; then these figures are not shown.
  if (!response.ok) return null;
  return { metrics: parseMetrics(await response.text()), at: Date.now() };
}

/** Rates per second from the counters of successive polls. */
function useRates(
  sample: { metrics: Metrics; at: number } | null | undefined,
  name: string,
): readonly Rate[] {
  const last = useRef<{ value: number; at: number } | undefined>(undefined);
  const [rates, setRates] = useState<readonly Rate[]>([]);
  useEffect(() => {
    const value = sample?.metrics.get(name);
    if (!sample || value === undefined) return;
    const before = last.current;
    last.current = { value, at: sample.at };
    // A restarted server counts from zero.
    if (!before || sample.at <= before.at || value < before.value) return;
    const rate = { at: sample.at, value: ((value - before.value) / (sample.at - before.at)) * 1_000 };
    setRates((held) => [...held.filter(({ at }) => at > sample.at - KEPT_MS), rate]);
  }, [sample, name]);
  return rates;
}

/** Marks the shards that are behind and have not moved for ten seconds. */
function useStalled(shards: readonly Shard[] | undefined, at: number): readonly ShardState[] {
  const moved = useRef(new Map<number, { position: number; at: number }>());
  return (shards ?? []).map((shard) => {
    const held = moved.current.get(shard.shard);
    if (held?.position !== shard.position || shard.lag === 0)
      moved.current.set(shard.shard, { position: shard.position, at });
    const since = moved.current.get(shard.shard)?.at ?? at;
    return { ...shard, stalled: shard.lag > 0 && at - since > STALLED_MS };
  });
}

/** Everything that the page of operations polls. */
export function useOps() {
  const polled = { refetchInterval: POLL_MS, retry: false } as const;
  const ready = useQuery({ queryKey: ["readyz"], queryFn: readReady, ...polled });
  const sample = useQuery({ queryKey: ["metrics"], queryFn: readMetrics, ...polled }).data;
  const keywords = useQuery({
    queryKey: ["keywords"],
    queryFn: () => need(api.GET("/api/v1/keywords")),
    ...polled,
  });
  const ledger = useQuery({
    queryKey: ["ledger"],
    queryFn: () => need(api.GET("/api/v1/ledger")),
    ...polled,
  });
  return {
    ready: ready.data,
    error: ready.error?.message,
    at: ready.dataUpdatedAt || undefined,
    shards: useStalled(ready.data?.shards, ready.dataUpdatedAt),
    metrics: sample?.metrics,
    received: useRates(sample, "tidings_journaled_total"),
    sent: useRates(sample, "tidings_live_lines_total"),
    bytes: useRates(sample, "tidings_live_bytes_total"),
    keywords: keywords.data,
    ledger: ledger.data,
  };
}
