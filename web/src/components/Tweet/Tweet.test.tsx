import { render, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { tweet } from "@/test/samples";
import { highlight } from "./highlight";
import { Tweet } from "./Tweet";
import * as stories from "./Tweet.stories";

it("marks the keyword without case and leaves the rest as it is", () => {
  expect(highlight("AI는 ai", "ai")).toEqual([
    { text: "AI", hit: true },
    { text: "는 ", hit: false },
    { text: "ai", hit: true },
  ]);
});

it("shows markup as text and opens only web addresses", () => {
  render(
    <StoryFrame>
      <Tweet
        keyword="모루폰"
        colour="red"
        tweet={tweet(0, { text: "<script>alert(1)</script>", url: "javascript:alert(1)" })}
      />
    </StoryFrame>,
  );
  expect(screen.getByText("<script>alert(1)</script>")).toBeTruthy();
  expect(screen.queryByRole("link")).toBeNull();
});

renderStories(stories);
