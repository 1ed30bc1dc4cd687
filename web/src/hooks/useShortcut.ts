import { useEffect, useRef, useSyncExternalStore } from "react";

const STORED = "tidings.shortcuts";
let on = true;
try {
  on = localStorage.getItem(STORED) !== "off";
} catch {
  // A browser that keeps nothing has shortcuts.
}
const listeners = new Set<() => void>();

/** Switches all shortcuts on or off, also for the next visit: single keys get in the way of speech input. */
export function setShortcuts(next: boolean): void {
  on = next;
  try {
    if (next) localStorage.removeItem(STORED);
    else localStorage.setItem(STORED, "off");
  } catch {
    // It is off until the page is closed.
  }
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useShortcutsOn = () => useSyncExternalStore(subscribe, () => on);

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/**
 * A key of the keyboard, anywhere on the page but while typing and with open dialogs. `S` means Shift and s. One that
 * is `always` there works while shortcuts are off.
 */
export function useShortcut(key: string, work: () => void, always = false): void {
  const latest = useRef(work);
  latest.current = work;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key !== key || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented)
        return;
      if (!on && !always) return;
      if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      latest.current();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, [key, always]);
}
