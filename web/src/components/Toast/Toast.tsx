import { create } from "zustand";
import { Icon } from "../Icon/Icon";
import type { IconName } from "../Icon/shapes";
import "./Toast.css";

interface ToastState {
  toast: { text: string; icon: IconName; id: number } | undefined;
}

const useToasts = create<ToastState>(() => ({ toast: undefined }));
const SHOWN_MS = 4_000;
let timer: ReturnType<typeof setTimeout> | undefined;
let next = 1;

/** Says what has happened, once, for some seconds. */
export function toast(text: string, icon: IconName = "check"): void {
  useToasts.setState({ toast: { text, icon, id: next++ } });
  clearTimeout(timer);
  timer = setTimeout(() => useToasts.setState({ toast: undefined }), SHOWN_MS);
}

export function Toasts() {
  const shown = useToasts((state) => state.toast);
  return (
    <div className="toasts" role="status">
      {shown ? (
        <div className="toast" key={shown.id}>
          <Icon name={shown.icon} />
          {shown.text}
        </div>
      ) : null}
    </div>
  );
}
