import { type ReactNode, useEffect, useRef } from "react";
import "./Dialog.css";

/**
 * A modal dialog on the browser's own element: it holds the focus, returns it, and makes the page behind inert
 * without injected styles.
 */
export function Dialog({
  label,
  open,
  onClose,
  kind = "dialog",
  children,
}: {
  label: string;
  open: boolean;
  onClose: () => void;
  kind?: "dialog" | "drawer" | "palette" | "full";
  children: ReactNode;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    if (open && !dialog.open) dialog.showModal?.();
    if (!open && dialog.open) dialog.close?.();
  }, [open]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the browser closes a dialog on Escape by itself.
    <dialog
      ref={ref}
      className={kind}
      aria-label={label}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === event.currentTarget) event.currentTarget.close();
      }}
    >
      {open ? <div className="dialog-b">{children}</div> : null}
    </dialog>
  );
}
