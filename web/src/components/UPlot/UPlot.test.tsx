import { render } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { UPlot } from "./UPlot";
import * as stories from "./UPlot.stories";

renderStories(stories);

it("has drawn itself anew when the page is printed", async () => {
  const draw = vi.fn();
  render(
    <StoryFrame>
      <UPlot
        data={[
          [1, 2, 3],
          [4, 5, 6],
        ]}
        version=""
        options={(_, width, height) => ({ width, height, series: [{}, {}], hooks: { draw: [draw] } })}
      />
    </StoryFrame>,
  );
  await vi.waitFor(() => expect(draw).toHaveBeenCalled());
  draw.mockClear();
  dispatchEvent(new Event("beforeprint"));
  expect(draw).toHaveBeenCalled();
});
