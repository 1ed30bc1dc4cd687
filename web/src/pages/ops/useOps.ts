import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { bySeverity } from "@/components/KeywordStatus/KeywordStatus";
import type { Rate } from "@/components/RateChart/RateChart";
import type { ShardState } from "@/components/ShardLag/ShardLag";
import { api, need } from "@/data/api/client";
import { type Metrics, parseMetrics } from "@/data/metrics";
import { READY_KEY, readReady } from "@/data/ready";
import type { Keywords, Ledger, Shard } from "@/data/types";

const POLL_MS = 2_000;
/** So many ledgers of single keywords are asked for, the troubled ones first. */
const LEDGERS = 40;
const LEDGERS_POLL_MS = 10_000;
const KEPT_MS = 20 * 60_000;
const STALLED_MS = 10_000;

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

const NO_LEDGERS: ReadonlyMap<string, Ledger> = new Map();

/** The ledgers of some keywords. One that is refused is left out. */
async function readLedgers(keywords: readonly string[]): Promise<ReadonlyMap<string, Ledger>> {
  const read = async (keyword: string) =>
    [
      keyword,
      await need(api.GET("/api/v1/keywords/{token}/ledger", { params: { path: { token: keyword } } })),
    ] as const;
  const answers = await Promise.allSettled(keywords.map(read));
  return new Map(answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : [])));
}

/** Everything that the page of operations polls. */
export function useOps() {
  const polled = { refetchInterval: POLL_MS, retry: false } as const;
  const ready = useQuery({ queryKey: READY_KEY, queryFn: readReady, ...polled });
  const sample = useQuery({ queryKey: ["metrics"], queryFn: readMetrics, ...polled }).data;
  const keywords = useQuery({
    queryKey: ["keywords"],
    // Only a question for names alone has another answer.
    queryFn: () => need(api.GET("/api/v1/keywords")) as Promise<Keywords>,
    ...polled,
  });
  const ledger = useQuery({
    queryKey: ["ledger"],
    queryFn: () => need(api.GET("/api/v1/ledger")),
    ...polled,
  });
  const sorted = useMemo(() => bySeverity(keywords.data?.keywords ?? []), [keywords.data]);
  const asked = sorted.slice(0, LEDGERS).map(({ keyword }) => keyword);
  const ledgers = useQuery({
    queryKey: ["ledgers", asked],
    queryFn: () => readLedgers(asked),
    refetchInterval: LEDGERS_POLL_MS,
    placeholderData: keepPreviousData,
    enabled: asked.length > 0,
    retry: false,
  }).data;
  return {
    ready: ready.data,
    error: ready.error?.message,
    at: ready.dataUpdatedAt || undefined,
    shards: useStalled(ready.data?.shards, ready.dataUpdatedAt),
    metrics: sample?.metrics,
    received: useRates(sample, "tidings_journaled_total"),
    sent: useRates(sample, "tidings_live_lines_total"),
    bytes: useRates(sample, "tidings_live_bytes_total"),
    keywords: keywords.data && sorted,
    ledgers: ledgers ?? NO_LEDGERS,
    ledger: ledger.data,
  };
}
