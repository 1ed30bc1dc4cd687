import { renderHook } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { useGlide } from "./useGlide";

afterEach(() => vi.restoreAllMocks());

it("puts a word at its place in a hidden page, also from halfway", () => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const word = document.createElementNS("http://www.w3.org/2000/svg", "g");
  word.dataset.word = "a";
  svg.append(word);
  const ref = { current: svg };
  const { rerender } = renderHook(({ x }) => useGlide(ref, new Map([["a", { x, y: 0 }]])), {
    initialProps: { x: 0 },
  });
  // No frame comes, so the glide stays where it began.
  vi.spyOn(globalThis, "requestAnimationFrame").mockReturnValue(1);
  rerender({ x: 50 });
  expect(word.getAttribute("transform")).toBe("translate(0 0)");
  vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  rerender({ x: 50 });
  expect(word.getAttribute("transform")).toBe("translate(50 0)");
});
