import { expect, it } from "vitest";
import { isClear, isLeftOut } from "./paint";

it.each(["transparent", "rgba(0, 0, 0, 0)", "oklch(0.7 0.1 200 / 0)"])("%s is clear", (colour) => {
  expect(isClear(colour)).toBe(true);
});

it.each(["rgb(255, 128, 0)", "rgba(255, 128, 0, 0.5)", "color(srgb 1 0.5 0)", "oklch(0.7 0 0)"])(
  "%s is drawn",
  (colour) => {
    expect(isClear(colour)).toBe(false);
  },
);

it("leaves out what is folded up, but not its summary", () => {
  document.body.innerHTML = "<details><summary>4 gaps</summary><ul></ul></details>";
  const [details, summary, list] = ["details", "summary", "ul"].map((name) => document.querySelector(name));
  if (!details || !summary || !list) throw new Error("no details");
  expect([summary, list].map(isLeftOut)).toEqual([false, true]);
  details.setAttribute("open", "");
  expect(isLeftOut(list)).toBe(false);
});
