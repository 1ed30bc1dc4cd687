import { render, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { until } from "@/test/samples";
import { namedGaps } from "@/test/sourceSamples";
import { gapMarks } from "./GapMarks";
import * as stories from "./GapMarks.stories";

renderStories(stories);

const end = Date.parse(until);
const start = end - 12 * 36e5;
const marks = gapMarks(namedGaps);
const shown = (element: React.ReactNode) =>
  render(<StoryFrame language="en">{element}</StoryFrame>).container.querySelector("main");

it("draws a band for each level, the lost one over the line with its edges", () => {
  const layer = shown(marks.layer(start, end, "0"));
  expect([...(layer?.querySelectorAll("g") ?? [])].map((band) => band.getAttribute("class"))).toEqual([
    "gap-filled",
    "gap-open",
    "gap-open",
    "gap-lost",
  ]);
  expect(layer?.querySelectorAll(".gap-filled .gap-veil")).toHaveLength(0);
  expect(layer?.querySelectorAll(".gap-lost path")).toHaveLength(2);
});

it("names source, cause and state of the gaps of a bucket", () => {
  const lost = Date.parse("2026-11-25T06:50:00Z");
  expect(shown(marks.words(lost, lost + 6e4))?.textContent).toBe(
    ". Collection gaps, bluesky · Position lost · Lost",
  );
});

it("says nothing of a stretch without a gap", () => {
  const before = start - 36e5;
  expect(shown(marks.words(before, before + 6e4))?.textContent).toBe("");
  expect(shown(marks.list(before, before + 6e4))?.textContent).toBe("");
});

it("lists the gaps of the stretch, the newest first", () => {
  shown(marks.list(start, end));
  expect(screen.getByRole("group").querySelector("summary")?.textContent).toBe("Collection gaps: 4 · 1 lost");
  expect(screen.getAllByRole("listitem").map(({ textContent }) => textContent)).toEqual([
    "25 Nov 22:07–now bluesky · Server away · Open",
    "25 Nov 17:17–25 Nov 17:37 bluesky · No bytes · Filling",
    "25 Nov 15:47–25 Nov 16:07 bluesky · Position lost · Lost",
    "25 Nov 14:17–25 Nov 14:37 bluesky · Connection · Filled",
  ]);
});
