import { fireEvent, render, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { points, until } from "@/test/samples";
import { namedGaps } from "@/test/sourceSamples";
import { gapMarks } from "../GapMarks/GapMarks";
import { VolumeChart } from "./VolumeChart";
import * as stories from "./VolumeChart.stories";

renderStories(stories);

it("tells of a gap when its hour is chosen with the keyboard", () => {
  const nothing = () => undefined;
  const { container } = render(
    <StoryFrame language="en">
      <VolumeChart
        points={points(24)}
        step="hour"
        until={until}
        spikes={[]}
        colour="red"
        open
        gaps={gapMarks(namedGaps)}
        onBucket={nothing}
        onZoom={nothing}
        onReset={nothing}
      />
    </StoryFrame>,
  );
  const own = screen.getByRole("application");
  fireEvent.keyDown(own, { key: "End" });
  expect(container.querySelector(".sr .gap-words")?.textContent).toContain("bluesky · Server away · Open");
  fireEvent.keyDown(own, { key: "Home" });
  expect(container.querySelector(".gap-words")).toBeNull();
});
