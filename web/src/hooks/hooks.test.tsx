import { act, fireEvent, render, renderHook, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { useCalm } from "./useCalm";
import { useHeldOrder } from "./useHeldOrder";
import { setShortcuts, useShortcut } from "./useShortcut";
import { useSpoken } from "./useSpoken";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("useCalm shows the first change at once, then the newest once in a while", () => {
  vi.setSystemTime(100_000);
  const { result, rerender } = renderHook(({ value }) => useCalm(value, 1_000), {
    initialProps: { value: 0 },
  });
  rerender({ value: 1 });
  expect(result.current).toBe(1);
  rerender({ value: 2 });
  rerender({ value: 3 });
  act(() => void vi.advanceTimersByTime(900));
  expect(result.current).toBe(1);
  act(() => void vi.advanceTimersByTime(200));
  expect(result.current).toBe(3);
});

it("useSpoken does not say an old count again, and speaks no more often after a silence", () => {
  vi.setSystemTime(100_000);
  const { result, rerender } = renderHook(({ text }) => useSpoken(text), { initialProps: { text: "" } });
  rerender({ text: "3" });
  expect(result.current).toBe("3");
  rerender({ text: "" });
  expect(result.current).toBe("");
  rerender({ text: "1" });
  expect(result.current).toBe("");
  act(() => void vi.advanceTimersByTime(14_900));
  expect(result.current).toBe("");
  act(() => void vi.advanceTimersByTime(200));
  expect(result.current).toBe("1");
});

function List({ rows, version = "" }: { rows: readonly string[]; version?: string }) {
  const [shown, on] = useHeldOrder(rows, (row) => row, version);
  return (
    <ol data-testid="list" {...on}>
      {shown.map((row) => (
        <li key={row}>{row}</li>
      ))}
    </ol>
  );
}
const shown = () => screen.getAllByRole("listitem").map((row) => row.textContent);

it("useHeldOrder holds the order under the pointer, and for a moment after", () => {
  const { rerender } = render(<List rows={["a", "b", "c"]} />);
  fireEvent.pointerEnter(screen.getByTestId("list"));
  rerender(<List rows={["d", "c", "b", "a"]} />);
  expect(shown()).toEqual(["a", "b", "c", "d"]);
  fireEvent.pointerLeave(screen.getByTestId("list"));
  act(() => void vi.advanceTimersByTime(200));
  fireEvent.pointerEnter(screen.getByTestId("list"));
  act(() => void vi.advanceTimersByTime(500));
  expect(shown()).toEqual(["a", "b", "c", "d"]);
  fireEvent.pointerLeave(screen.getByTestId("list"));
  act(() => void vi.advanceTimersByTime(400));
  expect(shown()).toEqual(["d", "c", "b", "a"]);
});

it("useHeldOrder takes another order at once, and holds that one", () => {
  const { rerender } = render(<List rows={["a", "b"]} version="up" />);
  fireEvent.pointerEnter(screen.getByTestId("list"));
  rerender(<List rows={["b", "a"]} version="down" />);
  expect(shown()).toEqual(["b", "a"]);
  rerender(<List rows={["a", "b"]} version="down" />);
  expect(shown()).toEqual(["b", "a"]);
});

it("useShortcut does nothing while shortcuts are off", () => {
  const work = vi.fn();
  renderHook(() => useShortcut("p", work));
  setShortcuts(false);
  fireEvent.keyDown(document.body, { key: "p" });
  expect(work).not.toHaveBeenCalled();
  setShortcuts(true);
  fireEvent.keyDown(document.body, { key: "p" });
  expect(work).toHaveBeenCalledOnce();
});
