import { act, renderHook } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import type { Spike } from "@/data/types";
import { spike } from "@/test/samples";
import { useStrip } from "./useStrip";

const [old, next] = [
  spike({ start: "2026-11-24T01:00:00.000Z" }),
  spike({ start: "2026-11-25T01:00:00.000Z" }),
];
const strip = (spikes: readonly Spike[]) =>
  renderHook(({ shown, chosen }) => useStrip(shown, chosen, true), {
    initialProps: { shown: spikes, chosen: undefined as Spike | undefined },
  });

afterEach(() => {
  document.body.innerHTML = "";
});

it("opens the newest spike, and the chosen one before it", () => {
  const { result, rerender } = strip([old]);
  expect(result.current).toMatchObject({ spike: old, waiting: undefined });
  rerender({ shown: [old, next], chosen: undefined });
  expect(result.current).toMatchObject({ spike: next, waiting: undefined });
  rerender({ shown: [old, next], chosen: old });
  expect(result.current).toMatchObject({ spike: old, waiting: undefined });
  rerender({ shown: [old, next], chosen: undefined });
  expect(result.current).toMatchObject({ spike: next, waiting: undefined });
});

it("lets a new spike wait while someone reads below, and keeps the open one", () => {
  document.body.innerHTML = '<main><section class="k-chart"></section><input aria-label="below"></main>';
  const { result, rerender } = strip([old]);
  document.querySelector("input")?.focus();
  rerender({ shown: [old, next], chosen: undefined });
  expect(result.current).toMatchObject({ spike: old, waiting: next });
  act(() => result.current.open(next.start));
  expect(result.current).toMatchObject({ spike: next, waiting: undefined });
});
