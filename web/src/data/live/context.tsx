import { createContext, type ReactNode, useContext, useEffect } from "react";
import { useStore } from "zustand";
import { type Channel, type ChannelState, keyOf } from "../topics/channel";
import type { ErrorLine } from "../types";
import type { Live, LiveView } from "./store";

const LiveContext = createContext<Live | null>(null);

/** One connection for all pages. */
export function LiveProvider({ live, children }: { live: Live; children: ReactNode }) {
  return <LiveContext value={live}>{children}</LiveContext>;
}

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (!live) throw new Error("outside of LiveProvider");
  return live;
}

export function useLiveView<T>(select: (view: LiveView) => T): T {
  return useStore(useLive().store, select);
}

/** The moment at which a page stands: the given one, or when the newest line came. It is read when it is asked for. */
export function useMoment(at: string | undefined): () => number {
  const { store } = useLive();
  return () => (at === undefined ? (store.getState().heardAt ?? Date.now()) : Date.parse(at));
}

/** Subscribes to a channel while the component is shown. Without a channel it does nothing. */
export function useChannel<T extends ChannelState>(channel: Channel | undefined) {
  const live = useLive();
  const key = channel && keyOf(channel);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the channel.
  useEffect(() => (channel ? live.use(channel) : undefined), [live, key]);
  const state = useLiveView((view) =>
    key === undefined ? undefined : (view.channels.get(key) as T | undefined),
  );
  const error = useLiveView((view): ErrorLine | undefined =>
    key === undefined ? undefined : view.errors.get(key),
  );
  return { state, error };
}
