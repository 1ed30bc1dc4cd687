import { useCallback } from "react";
import { useSearchParams } from "react-router";
import { WINDOWS, type Window } from "@/data/types";

/** The state of a page lives in its address, so that a view can be shared. */
export function useUrl() {
  const [params, setParams] = useSearchParams();
  const get = (name: string) => params.get(name) ?? undefined;
  const set = useCallback(
    (changes: Record<string, string | undefined>, replace = false) =>
      setParams(
        (held) => {
          const next = new URLSearchParams(held);
          for (const [name, value] of Object.entries(changes)) {
            if (value === undefined || value === "") next.delete(name);
            else next.set(name, value);
          }
          return next;
        },
        { replace, preventScrollReset: true },
      ),
    [setParams],
  );
  /** Replaces all values of a name that may stand several times. */
  const replaceAll = useCallback(
    (name: string, values: readonly string[]) =>
      setParams(
        (held) => {
          const next = new URLSearchParams(held);
          next.delete(name);
          for (const value of values) next.append(name, value);
          return next;
        },
        { preventScrollReset: true },
      ),
    [setParams],
  );
  return { params, get, set, replaceAll };
}

/** A time of the address, or nothing when it is none. */
export function timeParameter(value: string | undefined): string | undefined {
  const time = value === undefined ? Number.NaN : Date.parse(value);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

export function useWindow(fallback: Window): [Window, (window: Window) => void] {
  const { get, set } = useUrl();
  const given = get("window");
  const window = WINDOWS.find((each) => each === given) ?? fallback;
  const choose = (next: Window) =>
    set({ window: next === fallback ? undefined : next, from: undefined, to: undefined, step: undefined });
  return [window, choose];
}
