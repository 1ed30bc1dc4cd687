import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import { renderStories } from "@/test/renderStories";
import { Menu } from "./Menu";
import * as stories from "./Menu.stories";

it("opens at its button, moves by arrows, and chooses", async () => {
  const chosen = vi.fn();
  render(
    <Menu
      label="menu"
      trigger={<button type="button">open</button>}
      entries={[
        { text: "one", onSelect: () => undefined },
        { text: "two", onSelect: chosen },
      ]}
    />,
  );
  await userEvent.click(screen.getByText("open"));
  expect(document.activeElement?.textContent).toBe("one");
  await userEvent.keyboard("{ArrowDown}{Enter}");
  expect(chosen).toHaveBeenCalledOnce();
  expect(screen.queryByRole("menu", { hidden: true })).toBeNull();
});

renderStories(stories);
