import { fireEvent, render, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { until, wave } from "@/test/samples";
import { namedGaps } from "@/test/sourceSamples";
import { gapMarks } from "../GapMarks/GapMarks";
import { OverviewChart } from "./OverviewChart";
import * as stories from "./OverviewChart.stories";

renderStories(stories);

const series = (length: number) => [{ name: "a", colour: "red", values: wave(length, 20) }];
const chart = (length: number) => (
  <StoryFrame>
    <OverviewChart series={series(length)} window="24h" until={until} mode="stack" />
  </StoryFrame>
);

it("takes its tooltip away when the finger scrolls, and when its column is gone", () => {
  const { container, rerender } = render(chart(24));
  const tips = () => container.querySelectorAll(".tip").length;
  const own = screen.getByRole("img");
  fireEvent.pointerDown(own, { clientX: 300, pointerType: "touch" });
  expect(tips()).toBe(1);
  fireEvent.pointerCancel(own, { pointerType: "touch" });
  expect(tips()).toBe(0);
  fireEvent.keyDown(own, { key: "End" });
  expect(tips()).toBe(1);
  rerender(chart(6));
  expect(tips()).toBe(0);
});

it("names a gap in the tooltip of its column, and in the table", () => {
  const gaps = gapMarks(namedGaps);
  const own = (table: boolean) => (
    <StoryFrame language="en">
      <OverviewChart series={series(24)} window="24h" until={until} mode="stack" gaps={gaps} table={table} />
    </StoryFrame>
  );
  const { container, rerender } = render(own(false));
  fireEvent.keyDown(screen.getByRole("img"), { key: "End" });
  expect(container.querySelector(".tip")?.textContent).toContain("bluesky · Server away · Open");
  rerender(own(true));
  const named = screen.getAllByRole("row").filter(({ textContent }) => textContent?.includes("bluesky"));
  expect(named.map(({ textContent }) => textContent?.slice(0, 5))).toEqual([
    "21:47",
    "16:47",
    "15:47",
    "13:47",
  ]);
});
