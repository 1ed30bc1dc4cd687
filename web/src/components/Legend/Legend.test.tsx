import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { expect, it } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { Legend, shownOf } from "./Legend";
import * as stories from "./Legend.stories";

renderStories(stories);

const items = ["a", "b", "c"].map((name) => ({ name, colour: "red" }));

function Holder() {
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  return <Legend label="series" items={items} hidden={hidden} onChange={setHidden} />;
}

it("hides one series, shows one alone, and never hides all", async () => {
  const user = userEvent.setup();
  render(
    <StoryFrame>
      <Holder />
    </StoryFrame>,
  );
  const shown = () =>
    screen
      .getAllByRole("button")
      .filter((button) => button.getAttribute("aria-pressed") === "true")
      .map((button) => button.textContent);
  await user.click(screen.getByRole("button", { name: "b" }));
  expect(shown()).toEqual(["a", "c"]);
  await user.keyboard("{Alt>}");
  await user.click(screen.getByRole("button", { name: "b" }));
  expect(shown()).toEqual(["b"]);
  await user.click(screen.getByRole("button", { name: "b" }));
  expect(shown()).toEqual(["a", "b", "c"]);
  await user.keyboard("{/Alt}");
  for (const name of ["a", "b", "c"]) await user.click(screen.getByRole("button", { name }));
  expect(shown()).toEqual(["a", "b", "c"]);
});

it("hides none when all that are left were hidden", () => {
  expect(shownOf(items, new Set(["a", "b"])).map(({ name }) => name)).toEqual(["c"]);
  const hidden = new Set(["a", "b", "c", "gone"]);
  expect(shownOf(items, hidden)).toEqual(items);
  render(
    <StoryFrame>
      <Legend label="series" items={items} hidden={hidden} onChange={() => undefined} />
    </StoryFrame>,
  );
  for (const button of screen.getAllByRole("button"))
    expect(button.getAttribute("aria-pressed")).toBe("true");
});
