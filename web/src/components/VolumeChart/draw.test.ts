import type uPlot from "uplot";
import { expect, it, vi } from "vitest";
import { drawWeekends, type Marks } from "./draw";
import type { ChartTheme } from "./theme";

const DAY_MS = 864e5;

it("shades weekends from the first bucket to the end of the last one", () => {
  // From Saturday to the Sunday eight days later, drawn one pixel an hour.
  const first = new Date(2026, 10, 21).getTime();
  const times = Array.from({ length: 9 }, (_, day) => (first + day * DAY_MS) / 1_000);
  const fillRect = vi.fn();
  const plot = {
    ctx: { save: () => undefined, restore: () => undefined, fillRect },
    bbox: { left: 0, top: 0, width: 9 * 24, height: 10 },
    data: [times],
    valToPos: (at: number) => (at - first / 1_000) / 3_600 + 12,
  } as unknown as uPlot;
  drawWeekends(plot, { stepMs: DAY_MS } as Marks, { sunken: "grey" } as ChartTheme);
  expect(fillRect.mock.calls).toEqual([
    [0, 0, 24, 10],
    [24, 0, 24, 10],
    [7 * 24, 0, 24, 10],
    [8 * 24, 0, 24, 10],
  ]);
});
