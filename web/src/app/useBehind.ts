import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

const CALM_MS = 15_000;
const BEHIND_MS = 3_000;

/** The largest lag of a shard: so many records the server still has to count. */
async function readLag(): Promise<number> {
  const response = await fetch("/readyz");
  const body = (await response.json()) as { shards?: { lag: number }[] };
  return Math.max(0, ...(body.shards ?? []).map(({ lag }) => lag));
}

/** How many records the server is behind, once it has been behind for some seconds; else zero. */
export function useBehind(): number {
  const { data: lag = 0, dataUpdatedAt } = useQuery({
    queryKey: ["lag"],
    queryFn: readLag,
    retry: false,
    refetchInterval: ({ state }) => (state.data ? BEHIND_MS : CALM_MS),
  });
  const [since, setSince] = useState<number | undefined>(undefined);
  const behind = lag > 0;
  useEffect(() => setSince(behind ? Date.now() : undefined), [behind]);
  // A burst is behind for a moment; two answers in a row are not a moment.
  return since !== undefined && dataUpdatedAt - since >= BEHIND_MS - 500 ? lag : 0;
}
