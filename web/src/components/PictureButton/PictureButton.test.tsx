import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import * as stories from "./PictureButton.stories";

renderStories(stories);

it("saves the card around it", async () => {
  const pictureOf = vi.fn().mockResolvedValue(new Blob(["png"]));
  vi.doMock("./picture", () => ({ pictureOf }));
  vi.stubGlobal(
    "URL",
    Object.assign(URL, { createObjectURL: () => "blob:test", revokeObjectURL: () => undefined }),
  );
  const click = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => undefined);
  const { PictureButton } = await import("./PictureButton");
  render(
    <StoryFrame language="en">
      <section aria-label="share">
        <PictureButton panel="share" keyword="모루폰" subject="Share" win="24 h" />
      </section>
    </StoryFrame>,
  );
  await userEvent.click(screen.getByRole("button"));
  await waitFor(() => expect(click).toHaveBeenCalled());
  expect(pictureOf.mock.calls[0]?.[0]).toBe(screen.getByRole("region"));
  expect(pictureOf.mock.calls[0]?.[1]).toMatch(/^Share · 24 h · /);
  expect((click.mock.instances[0] as unknown as HTMLAnchorElement).download).toMatch(
    /^tidings_모루폰_share_.*\.png$/,
  );
  click.mockRestore();
  vi.doUnmock("./picture");
  vi.unstubAllGlobals();
});
