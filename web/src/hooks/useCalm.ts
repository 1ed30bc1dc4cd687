import { useEffect, useRef, useState } from "react";

/**
 * Gives a value on, but never more often than once in a while: the newest one when the time is over. A value with
 * another `key` is another thing, and is shown at once; so is an empty text, which leaves the time as it is.
 */
export function useCalm<T>(value: T, everyMs: number, key = ""): T {
  const [shown, setShown] = useState({ value, key });
  const changedAt = useRef(0);
  useEffect(() => {
    if (Object.is(value, shown.value) && key === shown.key) return;
    const empty = Object.is(value, "");
    const show = () => {
      if (!empty) changedAt.current = Date.now();
      setShown({ value, key });
    };
    const rest = key === shown.key && !empty ? changedAt.current + everyMs - Date.now() : 0;
    if (rest <= 0) return show();
    const timer = setTimeout(show, rest);
    return () => clearTimeout(timer);
  }, [value, key, shown, everyMs]);
  return shown.key === key ? shown.value : value;
}
