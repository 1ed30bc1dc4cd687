import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { CsvButton } from "./CsvButton";
import * as stories from "./CsvButton.stories";

renderStories(stories);

it("saves the table of the moment of the click", async () => {
  const blobs: Blob[] = [];
  vi.stubGlobal(
    "URL",
    Object.assign(URL, {
      createObjectURL: (blob: Blob) => {
        blobs.push(blob);
        return "blob:test";
      },
      revokeObjectURL: () => undefined,
    }),
  );
  const click = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => undefined);
  let count = 1;
  render(
    <StoryFrame language="en">
      <CsvButton panel="volume" keyword="모루폰" table={() => [["time", "tweets"], [["now", count]]]} />
    </StoryFrame>,
  );
  count = 7;
  await userEvent.click(screen.getByRole("button"));
  expect(await blobs[0]?.text()).toContain("time,tweets\r\nnow,7\r\n");
  expect((click.mock.instances[0] as unknown as HTMLAnchorElement).download).toMatch(
    /^tidings_모루폰_volume_/,
  );
  click.mockRestore();
  vi.unstubAllGlobals();
});
