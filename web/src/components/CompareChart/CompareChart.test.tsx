import { fireEvent, render, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { points, wave } from "@/test/samples";
import { namedGaps } from "@/test/sourceSamples";
import { gapMarks } from "../GapMarks/GapMarks";
import { CompareChart } from "./CompareChart";
import * as stories from "./CompareChart.stories";

renderStories(stories);

const lines = (length: number) => [{ name: "a", colour: "red", slot: 0, values: wave(length, 20) }];
const times = (length: number) => points(length, 1, 36e5).map(({ at }) => Date.parse(at));
const chart = (length: number) => (
  <StoryFrame>
    <CompareChart lines={lines(length)} times={times(length)} step="hour" open />
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

it("names a gap in the tooltip of its hour, and to screen readers", () => {
  const { container } = render(
    <StoryFrame language="en">
      <CompareChart lines={lines(24)} times={times(24)} step="hour" open gaps={gapMarks(namedGaps)} />
    </StoryFrame>,
  );
  const own = screen.getByRole("img");
  fireEvent.keyDown(own, { key: "End" });
  expect(container.querySelector(".tip .gap-words")?.textContent).toContain("bluesky · Server away · Open");
  expect(container.querySelector(".sr .gap-words")?.textContent).toContain("bluesky · Server away · Open");
  fireEvent.keyDown(own, { key: "Home" });
  expect(container.querySelector(".gap-words")).toBeNull();
});
