import {
  cloneElement,
  type KeyboardEvent,
  type MouseEvent,
  type ReactElement,
  type ReactNode,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import "./Popover.css";

const GAP = 6;
const EDGE = 10;
/** A click that has just closed the panel must not open it again. */
const REOPEN_MS = 250;

export interface TriggerProps {
  onClick?: (event: MouseEvent<HTMLElement>) => void;
  "aria-expanded"?: boolean;
  "aria-haspopup"?: "dialog" | "menu";
  "aria-controls"?: string | undefined;
}

function place(panel: HTMLElement, anchor: HTMLElement): void {
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = panel;
  const left = Math.max(EDGE, Math.min(box.right - width, innerWidth - width - EDGE));
  const below = box.bottom + GAP;
  const above = box.top - height - GAP;
  panel.style.left = `${left}px`;
  panel.style.top = `${below + height > innerHeight - EDGE && above > EDGE ? above : below}px`;
}

/**
 * A panel at a control, on the browser's own popover: it stands in the top layer, closes on Escape and on a click
 * elsewhere, and returns the focus, without injected styles.
 */
export function Floating({
  trigger,
  label,
  role,
  width,
  className,
  onKeyDown,
  children,
}: {
  trigger: ReactElement<TriggerProps>;
  label: string;
  role: "dialog" | "menu";
  width?: number | undefined;
  className: string;
  onKeyDown?: (event: KeyboardEvent<HTMLElement>) => void;
  children: (close: () => void) => ReactNode;
}) {
  const id = useId();
  const panel = useRef<HTMLDivElement>(null);
  const anchor = useRef<HTMLElement | null>(null);
  const closedAt = useRef(0);
  const [open, setOpen] = useState(false);
  const close = () => {
    closedAt.current = Date.now();
    setOpen(false);
    anchor.current?.focus();
  };

  useLayoutEffect(() => {
    const element = panel.current;
    if (!open || !element) return;
    element.showPopover?.();
    if (anchor.current) place(element, anchor.current);
    const first = role === "menu" ? element.querySelector<HTMLElement>('[role="menuitem"]') : element;
    first?.focus({ preventScroll: true });
  }, [open, role]);

  useEffect(() => {
    const element = panel.current;
    if (!open || !element) return;
    const ended = (event: Event) => {
      if ((event as ToggleEvent).newState !== "closed") return;
      closedAt.current = Date.now();
      setOpen(false);
    };
    const follow = () => anchor.current && place(element, anchor.current);
    element.addEventListener("toggle", ended);
    addEventListener("scroll", follow, { passive: true, capture: true });
    addEventListener("resize", follow);
    return () => {
      element.removeEventListener("toggle", ended);
      removeEventListener("scroll", follow, { capture: true });
      removeEventListener("resize", follow);
    };
  }, [open]);

  return (
    <>
      {cloneElement(trigger, {
        "aria-expanded": open,
        "aria-haspopup": role,
        "aria-controls": open ? id : undefined,
        onClick: (event) => {
          anchor.current = event.currentTarget;
          if (open) close();
          else if (Date.now() - closedAt.current > REOPEN_MS) setOpen(true);
        },
      })}
      {open ? (
        // biome-ignore lint/a11y/noStaticElementInteractions: the role is dialog or menu.
        // biome-ignore lint/a11y/useAriaPropsSupportedByRole: the role is dialog or menu.
        <div
          ref={panel}
          id={id}
          popover="auto"
          role={role}
          aria-label={label}
          tabIndex={-1}
          className={`pop ${className}`}
          style={{ width }}
          onKeyDown={onKeyDown}
        >
          {children(close)}
        </div>
      ) : null}
    </>
  );
}
