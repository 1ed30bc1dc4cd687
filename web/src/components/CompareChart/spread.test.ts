import { expect, it } from "vitest";
import { spread } from "./spread";

const places = (heights: number[], room = 17, top = 8, bottom = 278) =>
  spread(
    heights.map((y) => ({ y })),
    room,
    top,
    bottom,
  ).map(({ y }) => y);

it("leaves labels with enough room where they are", () => {
  expect(places([100, 20, 60])).toEqual([20, 60, 100]);
});

it("puts labels in each other's way around the mean of their places", () => {
  expect(places([100, 100, 200])).toEqual([91.5, 108.5, 200]);
});

it("gives ten labels at the bottom their room", () => {
  const ys = places([20, 230, 260, 265, 265, 266, 266, 267, 268, 268]);
  for (let index = 1; index < ys.length; index += 1)
    expect((ys[index] ?? 0) - (ys[index - 1] ?? 0)).toBeGreaterThanOrEqual(17 - 1e-9);
  expect(ys.at(-1)).toBeLessThanOrEqual(278);
});

it("gives less room to more labels than fit", () => {
  const ys = places(Array(30).fill(100), 17, 0, 290);
  expect(ys[0]).toBe(0);
  expect(ys.at(-1)).toBeCloseTo(290);
});
