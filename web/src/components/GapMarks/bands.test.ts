import { expect, it } from "vitest";
import type { GapState } from "@/data/sources";
import { bands, hatch, timed, within } from "./bands";

const gap = (from: number, to: number | null, state: GapState = "lost") =>
  timed({
    source: "x",
    gap: 1,
    from: new Date(from).toISOString(),
    to: to === null ? null : new Date(to).toISOString(),
    cause: "network",
    state,
    posts: 0,
  });

it("finds the gaps that touch a stretch, and takes an open one to its end", () => {
  const gaps = [gap(0, 10), gap(10, 20), gap(30, 40), gap(15, null)];
  expect(within(gaps, 10, 30)).toEqual([gaps[1], gaps[3]]);
});

it("places gaps by time, cut at the ends of the stretch", () => {
  expect(bands([gap(0, 200), gap(500, null)], 100, 1_100, 1_000)).toEqual([
    { level: "lost", left: 0, right: 100 },
    { level: "lost", left: 400, right: 1_000 },
  ]);
});

it("shows a gap that is too short to be seen, also at the end", () => {
  expect(bands([gap(500, 501), gap(99_999, 100_000)], 0, 100_000, 100)).toEqual([
    { level: "lost", left: 0.5, right: 3.5 },
    { level: "lost", left: 97, right: 100 },
  ]);
});

it("joins gaps of one level, and draws the lost ones last", () => {
  const gaps = [
    gap(0, 100),
    gap(50, 200),
    gap(100, 300, "filling"),
    gap(300, 400, "open"),
    gap(0, 9, "filled"),
  ];
  expect(bands(gaps, 0, 1_000, 1_000)).toEqual([
    { level: "filled", left: 0, right: 9 },
    { level: "open", left: 100, right: 400 },
    { level: "lost", left: 0, right: 200 },
  ]);
});

it("hatches a box within its edges", () => {
  expect(hatch(0, 10, 10, 10)).toBe("M0 10L10 0");
  const numbers =
    hatch(12, 30, 40, 6)
      .match(/[\d.]+/g)
      ?.map(Number) ?? [];
  const xs = numbers.filter((_, index) => index % 2 === 0);
  const ys = numbers.filter((_, index) => index % 2 === 1);
  expect([Math.min(...xs), Math.max(...xs)]).toEqual([12, 30]);
  expect([Math.min(...ys), Math.max(...ys)]).toEqual([0, 40]);
});
