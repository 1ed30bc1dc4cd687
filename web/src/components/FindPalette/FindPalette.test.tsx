import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { keywordNames } from "@/test/samples";
import { FindPalette } from "./FindPalette";
import * as stories from "./FindPalette.stories";

it("opens what is found and adds what is not", async () => {
  const opened = vi.fn();
  const added = vi.fn();
  render(
    <StoryFrame>
      <FindPalette
        mode="find"
        keywords={keywordNames}
        onOpen={opened}
        onAdd={added}
        onClose={() => undefined}
      />
    </StoryFrame>,
  );
  const input = screen.getByRole("combobox", { hidden: true });
  await userEvent.type(input, "서리{Enter}");
  expect(opened).toHaveBeenCalledWith("서리온");
  await userEvent.clear(input);
  await userEvent.type(input, "us airways{Enter}");
  expect(added).toHaveBeenCalledWith("us airways");
});

renderStories(stories);
