import { useCallback, useRef, useSyncExternalStore } from "react";

/** Whether the screen answers to a query. Paper does not: what is printed is the page as it stands. */
export function useMedia(query: string): boolean {
  const subscribe = useCallback(
    (listener: () => void) => {
      const media = matchMedia(query);
      media.addEventListener("change", listener);
      return () => media.removeEventListener("change", listener);
    },
    [query],
  );
  const held = useRef<boolean>(undefined);
  return useSyncExternalStore(subscribe, () => {
    if (held.current === undefined || !matchMedia("print").matches) held.current = matchMedia(query).matches;
    return held.current;
  });
}
