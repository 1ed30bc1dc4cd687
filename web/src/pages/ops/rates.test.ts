import { expect, it } from "vitest";
import { addSample, perSecond, type Sample } from "./rates";

const held = (...samples: [number, number][]) =>
  samples.reduce<readonly Sample[]>((all, [at, received]) => addSample(all, { at, received }), []);

it("has no rate before the second report", () => {
  expect(perSecond(held())).toBeUndefined();
  expect(perSecond(held([0, 100]))).toBeUndefined();
});

it("counts records a second over half a minute", () => {
  expect(perSecond(held([0, 100], [5_000, 150]))).toBe(10);
  expect(perSecond(held([0, 0], [5_000, 1_000], [35_000, 1_300]))).toBe(10);
});

it("starts again when the counter does", () => {
  expect(perSecond(held([0, 500], [5_000, 20]))).toBeUndefined();
  expect(perSecond(held([0, 500], [5_000, 20], [10_000, 70]))).toBe(10);
});

it("takes the same answer once", () => {
  expect(held([5_000, 20], [5_000, 20])).toHaveLength(1);
});
