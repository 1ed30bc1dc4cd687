import { expect, it } from "vitest";
import { isClear } from "./paint";

it.each(["transparent", "rgba(0, 0, 0, 0)", "oklch(0.7 0.1 200 / 0)"])("%s is clear", (colour) => {
  expect(isClear(colour)).toBe(true);
});

it.each(["rgb(255, 128, 0)", "rgba(255, 128, 0, 0.5)", "color(srgb 1 0.5 0)", "oklch(0.7 0 0)"])(
  "%s is drawn",
  (colour) => {
    expect(isClear(colour)).toBe(false);
  },
);
