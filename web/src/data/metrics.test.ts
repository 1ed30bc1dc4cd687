import { expect, it } from "vitest";
import { parseMetrics, quantile } from "./metrics";

const text = `# HELP tidings_lag x
tidings_journaled_total 75648
tidings_lag{shard="7"} 3
tidings_fold_seconds_bucket{le="0.1"} 90
tidings_fold_seconds_bucket{le="0.4"} 99
tidings_fold_seconds_bucket{le="+Inf"} 100
# EOF
`;

it("reads counters, labels and histograms", () => {
  const metrics = parseMetrics(text);
  expect(metrics.get("tidings_journaled_total")).toBe(75648);
  expect(metrics.get('tidings_lag{shard="7"}')).toBe(3);
  expect([0.5, 0.95, 1].map((share) => quantile(metrics, "tidings_fold_seconds", share))).toEqual([
    0.1,
    0.4,
    Number.POSITIVE_INFINITY,
  ]);
  expect(quantile(metrics, "absent", 0.5)).toBeUndefined();
});
