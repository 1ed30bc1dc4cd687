import { render, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { Headline } from "./Headline";
import * as stories from "./Headline.stories";

renderStories(stories);

it("says percents below a thousand, and multiples above", () => {
  const text = (percent: number, language: "ko" | "en") => {
    const { unmount } = render(
      <StoryFrame language={language}>
        <Headline window="24h" sentences={[{ key: "hl.up", percent, total: 559 }]} />
      </StoryFrame>,
    );
    const said = screen.getByRole("main").textContent;
    unmount();
    return said;
  };
  expect(text(51, "ko")).toContain("51% 늘어");
  expect(text(4_120, "ko")).toContain("42배 늘어");
  expect(text(51, "en")).toContain("up 51%.");
  expect(text(4_120, "en")).toContain("up 42×.");
});
