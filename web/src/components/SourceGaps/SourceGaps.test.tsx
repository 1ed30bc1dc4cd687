import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { gap, gaps } from "@/test/sourceSamples";
import { SourceGaps } from "./SourceGaps";
import * as stories from "./SourceGaps.stories";

renderStories(stories);

const cells = () =>
  screen
    .getAllByRole("row")
    .slice(1)
    .map((row) => [...row.querySelectorAll("td")].map(({ textContent }) => textContent));

it("shows start, end, cause, state and posts, the newest first", () => {
  render(
    <StoryFrame language="en">
      <SourceGaps gaps={gaps.slice(2)} />
    </StoryFrame>,
  );
  expect(cells()).toEqual([
    ["25 Nov 22:07–now", "now", "Server away", "Open", "0"],
    ["25 Nov 17:17–25 Nov 17:37", "25 Nov 17:37", "No bytes", "Filling", "40"],
  ]);
});

it("shows the older ones when they are asked for", async () => {
  render(
    <StoryFrame language="en">
      <SourceGaps gaps={Array.from({ length: 9 }, (_, index) => gap(index + 1))} />
    </StoryFrame>,
  );
  expect(cells()).toHaveLength(6);
  await userEvent.click(screen.getByRole("button", { name: "Show all 9" }));
  expect(cells()).toHaveLength(9);
});
