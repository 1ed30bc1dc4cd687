import { fireEvent, render, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { until, wave } from "@/test/samples";
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
