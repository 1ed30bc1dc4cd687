import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { until } from "@/test/samples";
import { Toasts } from "../Toast/Toast";
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
        <PictureButton
          panel="share"
          keyword="모루폰"
          subject="Share"
          win="24 h"
          moment={() => Date.parse(until)}
        />
      </section>
    </StoryFrame>,
  );
  await userEvent.click(screen.getByRole("button"));
  await waitFor(() => expect(click).toHaveBeenCalled());
  expect(pictureOf.mock.calls[0]?.[0]).toBe(screen.getByRole("region"));
  expect(pictureOf.mock.calls[0]?.[1]).toBe("Share · 24 h · as of Wed 25 Nov 2026, 22:47");
  expect((click.mock.instances[0] as unknown as HTMLAnchorElement).download).toMatch(
    /^tidings_모루폰_share_.*\.png$/,
  );
  click.mockRestore();
  vi.doUnmock("./picture");
  vi.unstubAllGlobals();
});

it("says when there is no picture", async () => {
  vi.doMock("./picture", () => ({ pictureOf: vi.fn().mockRejectedValue(new Error("no canvas")) }));
  const { PictureButton } = await import("./PictureButton");
  render(
    <StoryFrame language="en">
      <section>
        <PictureButton panel="share" subject="Share" win="24 h" moment={() => 0} />
      </section>
      <Toasts />
    </StoryFrame>,
  );
  await userEvent.click(screen.getByRole("button"));
  await screen.findByText(/^Could not save the picture/);
  vi.doUnmock("./picture");
});
