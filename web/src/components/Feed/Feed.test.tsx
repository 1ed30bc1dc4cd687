import { act, renderHook } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { renderStories } from "@/test/renderStories";
import { tweet } from "@/test/samples";
import * as stories from "./Feed.stories";
import { split } from "./held";
import { useGone } from "./useGone";

it("holds at the newest tweet that was shown, and counts what waits", () => {
  const [a, b, c] = [tweet(0), tweet(1), tweet(2)];
  expect(split([a, b, c], undefined)).toEqual({ shown: [a, b, c], waiting: 0 });
  expect(split([a, b, c], b)).toEqual({ shown: [b, c], waiting: 1 });
});

it("keeps its place when the held tweet is deleted", () => {
  const [a, b, c] = [tweet(0), tweet(1), tweet(2)];
  expect(split([a, c], b)).toEqual({ shown: [c], waiting: 1 });
});

afterEach(() => vi.useRealTimers());

it("keeps the place of a tweet that is deleted on screen for four seconds", () => {
  vi.useFakeTimers();
  const [a, b, c] = [tweet(0), tweet(1), tweet(2)];
  const place = ({ at, id }: typeof a) => ({ at, id });
  const none: readonly ReturnType<typeof place>[] = [];
  const { result, rerender } = renderHook(({ tweets, gone }) => useGone(tweets, gone), {
    initialProps: { tweets: [a, b, c], gone: none },
  });
  const ids = () => result.current[0].map(({ id }) => id);
  act(() => result.current[1]([a.id, b.id]));
  // The first was on screen, the second not.
  rerender({ tweets: [a], gone: [place(b), place(c)] });
  expect(ids()).toEqual([a.id, b.id]);
  expect(result.current[0][1]).toEqual({ ...place(b), gone: true });
  act(() => vi.advanceTimersByTime(4_100));
  expect(ids()).toEqual([a.id]);
});

renderStories(stories);
