/** Samples of an OpenMetrics text, by name and labels as written. */
export type Metrics = ReadonlyMap<string, number>;

export function parseMetrics(text: string): Metrics {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const end = line.lastIndexOf("}") + 1;
    const space = line.indexOf(" ", end);
    if (space < 0) continue;
    const value = Number(line.slice(space + 1).split(" ")[0]);
    if (!Number.isNaN(value)) samples.set(line.slice(0, space), value);
  }
  return samples;
}

/** The smallest bucket of a histogram under which the given share of its observations lies. */
export function quantile(metrics: Metrics, name: string, share: number): number | undefined {
  const buckets: [number, number][] = [];
  for (const [key, count] of metrics) {
    const bound = key.startsWith(`${name}_bucket{`) ? /le="([^"]+)"/.exec(key)?.[1] : undefined;
    if (bound !== undefined)
      buckets.push([bound === "+Inf" ? Number.POSITIVE_INFINITY : Number(bound), count]);
  }
  buckets.sort((a, b) => a[0] - b[0]);
  const total = buckets.at(-1)?.[1] ?? 0;
  return total === 0 ? undefined : buckets.find(([, count]) => count >= total * share)?.[0];
}
