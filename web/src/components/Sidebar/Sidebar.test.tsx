import { render, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { keywords, until } from "@/test/samples";
import { Sidebar } from "./Sidebar";
import * as stories from "./Sidebar.stories";

it("keeps its order while counts change", () => {
  const nothing = () => undefined;
  const bar = (rows: typeof keywords) => (
    <StoryFrame>
      <Sidebar
        keywords={rows}
        spikes={[]}
        until={until}
        connection={{ kind: "live", text: "" }}
        settings={null}
        onFind={nothing}
        onAdd={nothing}
      />
    </StoryFrame>
  );
  const names = () =>
    screen
      .getAllByRole("link")
      .slice(3)
      .map((link) => link.getAttribute("title"));
  const { rerender } = render(bar(keywords));
  const before = names();
  rerender(bar([...keywords].reverse()));
  expect(names()).toEqual(before);
});

renderStories(stories);
