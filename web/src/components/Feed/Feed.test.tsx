import { expect, it } from "vitest";
import { renderStories } from "@/test/renderStories";
import { tweet } from "@/test/samples";
import * as stories from "./Feed.stories";
import { split } from "./held";

it("holds at the newest tweet that was shown, and counts what waits", () => {
  const [a, b, c] = [tweet(0), tweet(1), tweet(2)];
  expect(split([a, b, c], undefined)).toEqual({ shown: [a, b, c], waiting: 0 });
  expect(split([a, b, c], b)).toEqual({ shown: [b, c], waiting: 1 });
});

it("keeps its place when the held tweet is deleted", () => {
  const [a, b, c] = [tweet(0), tweet(1), tweet(2)];
  expect(split([a, c], b)).toEqual({ shown: [c], waiting: 1 });
});

renderStories(stories);
