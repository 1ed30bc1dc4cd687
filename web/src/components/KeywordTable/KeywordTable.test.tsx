import { fireEvent, render, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { keywords } from "@/test/samples";
import { KeywordTable } from "./KeywordTable";
import * as stories from "./KeywordTable.stories";

renderStories(stories);

it("says which way a column is sorted", () => {
  render(
    <StoryFrame language="en">
      <KeywordTable keywords={keywords} />
    </StoryFrame>,
  );
  const sorted = (name: string) => {
    fireEvent.click(screen.getByRole("button", { name }));
    return screen.getByRole("columnheader", { name }).getAttribute("aria-sort");
  };
  // The largest count comes first, and the first rank.
  expect(sorted("Tweets")).toBe("descending");
  expect(sorted("Tweets")).toBe("ascending");
  expect(sorted("Keyword")).toBe("ascending");
  expect(sorted("Keyword")).toBe("descending");
});
