import { createStore } from "zustand/vanilla";
import { type Channel, type ChannelState, keyOf, keyOfLine, reduce } from "../topics/channel";
import type { OlderPage, TimelineState } from "../topics/timeline";
import { withOlder } from "../topics/timeline";
import type { ChannelLine, ErrorLine, Line, Since, TimelineLine } from "../types";
import { type Connection, LiveSocket } from "./socket";

/** What the pages see. It changes at most once per frame, so all panels show one moment. */
export interface LiveView {
  channels: ReadonlyMap<string, ChannelState>;
  errors: ReadonlyMap<string, ErrorLine>;
  connection: Connection;
  /** When the newest shown line came; drives the clock of the page. */
  heardAt: number | undefined;
  /** What the last resume brought: tweets filled in, or a fresh copy. */
  resumed: { missed: number; fresh: boolean; at: number } | undefined;
}

interface Subscription {
  channel: Channel;
  users: number;
  leaving: ReturnType<typeof setTimeout> | undefined;
}

/** A channel stays subscribed for so long after its last user left, because pages often come back to it. */
const LINGER_MS = 4_000;
const BUSY_RETRY_MS = 3_000;

type Frame = (work: () => void) => void;

/** In a burst the page is drawn ten times a second: that is as fast as it can be read, and leaves the browser time for input. */
const SHOWN_EVERY_MS = 100;
/** A slow or busy machine draws less often, but still at least so often. */
const SLOWEST_MS = 500;
/** Drawing takes at most a third of the time. */
const REST = 3;
/** A hidden page still has to keep up. */
const HIDDEN_EVERY_MS = 1_000;

/**
 * Spaces the draws. Each runs in a task of its own and not in the task of a frame, so that the layout and the paint
 * that follow do not add up with it to one long task.
 */
function calmDraws(): Frame {
  let last = 0;
  let gap = SHOWN_EVERY_MS;
  return (work) => {
    const draw = () => {
      last = performance.now();
      work();
      // React renders in a microtask; the next task comes after it.
      setTimeout(() => {
        const cost = performance.now() - last;
        gap = Math.min(SLOWEST_MS, Math.max(SHOWN_EVERY_MS, cost * REST));
      });
    };
    setTimeout(draw, document.hidden ? HIDDEN_EVERY_MS : Math.max(0, last + gap - performance.now()));
  };
}

export class Live {
  readonly store = createStore<LiveView>(() => ({
    channels: new Map(),
    errors: new Map(),
    connection: { state: "connecting" },
    heardAt: undefined,
    resumed: undefined,
  }));
  private readonly socket: LiveSocket;
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly held = new Map<string, ChannelState>();
  private readonly errors = new Map<string, ErrorLine>();
  /** Lines of a timeline since a result page was asked for, per channel. */
  private readonly recording = new Map<string, TimelineLine[]>();
  private readonly requests = new Map<number, { key: string; before: TimelineState | undefined }>();
  private nextId = 1;
  private scheduled = false;
  private heardAt: number | undefined;

  constructor(
    url: string,
    private readonly frame: Frame = calmDraws(),
    first?: WebSocket | undefined,
  ) {
    const events = {
      onOpen: () => this.resubscribe(),
      onLine: (line: Line) => this.take(line),
      onConnection: (connection: Connection) => this.store.setState({ connection }),
    };
    this.socket = new LiveSocket(url, events, first);
  }

  start(): void {
    this.socket.start();
  }

  stop(): void {
    this.socket.stop();
  }

  reconnectNow(): void {
    this.socket.now();
  }

  /** Subscribes for one more user; the returned function ends that use. */
  use(channel: Channel): () => void {
    const key = keyOf(channel);
    const known = this.subscriptions.get(key);
    if (known) {
      known.users += 1;
      clearTimeout(known.leaving);
    } else {
      this.subscriptions.set(key, { channel, users: 1, leaving: undefined });
      this.subscribe(key, channel);
    }
    return () => this.release(key);
  }

  /** Loads a result page below the floor and joins it with the updates that came meanwhile. */
  async older(
    channel: Channel,
    load: (state: TimelineState) => Promise<Omit<OlderPage, "since">>,
  ): Promise<void> {
    const key = keyOf(channel);
    const state = this.held.get(key) as TimelineState | undefined;
    if (!state?.floor || this.recording.has(key)) return;
    const lines: TimelineLine[] = [];
    this.recording.set(key, lines);
    try {
      const page = await load(state);
      const now = this.held.get(key) as TimelineState | undefined;
      // A snapshot that came meanwhile has another floor; the page does not fit below it.
      if (!now || lines.some((line) => line.type === "snapshot")) return;
      this.held.set(key, withOlder(now, { ...page, since: lines }));
      this.publish();
    } finally {
      this.recording.delete(key);
    }
  }

  private release(key: string): void {
    const subscription = this.subscriptions.get(key);
    if (!subscription) return;
    subscription.users -= 1;
    if (subscription.users > 0) return;
    subscription.leaving = setTimeout(() => {
      const { keyword, topic } = subscription.channel;
      this.subscriptions.delete(key);
      this.held.delete(key);
      this.errors.delete(key);
      this.socket.send({
        type: "unsubscribe",
        id: this.nextId++,
        ...(keyword === undefined ? {} : { keyword }),
        topics: [topic],
      });
      this.publish();
    }, LINGER_MS);
  }

  private subscribe(key: string, { keyword, topic }: Channel): void {
    const id = this.nextId++;
    const state = topic.topic === "timeline" ? (this.held.get(key) as TimelineState | undefined) : undefined;
    const since: Since | undefined =
      state && !state.partial
        ? { epoch: state.epoch, seq: state.seq, ...(state.mark === undefined ? {} : { mark: state.mark }) }
        : undefined;
    this.requests.set(id, { key, before: state });
    this.socket.send({
      type: "subscribe",
      id,
      ...(keyword === undefined ? {} : { keyword }),
      topics: [topic],
      ...(since ? { since } : {}),
    });
  }

  private resubscribe(): void {
    this.requests.clear();
    for (const [key, { channel }] of this.subscriptions) this.subscribe(key, channel);
  }

  private take(line: Line): void {
    if (line.type === "error") this.failed(line);
    else if (line.type === "subscribed") this.subscribed(line.id, line.recovered);
    else if ("topic" in line) this.apply(line);
  }

  private failed(line: ErrorLine): void {
    const key = typeof line.id === "number" ? this.requests.get(line.id)?.key : undefined;
    const keys = key
      ? [key]
      : [...this.subscriptions]
          .filter(([, { channel }]) => channel.keyword === line.keyword)
          .map(([name]) => name);
    for (const name of keys) {
      if (line.code === "busy") {
        setTimeout(() => {
          const subscription = this.subscriptions.get(name);
          if (subscription) this.subscribe(name, subscription.channel);
        }, BUSY_RETRY_MS);
      } else {
        this.errors.set(name, line);
        this.held.delete(name);
      }
    }
    this.publish();
  }

  private subscribed(id: unknown, recovered: boolean): void {
    const request = typeof id === "number" ? this.requests.get(id) : undefined;
    if (!request) return;
    this.requests.delete(id as number);
    this.errors.delete(request.key);
    if (!request.before) return;
    const before = new Set(request.before.tweets.map((tweet) => tweet.id));
    // The missed updates follow; they are counted once they had time to come.
    setTimeout(() => {
      const after = this.held.get(request.key) as TimelineState | undefined;
      const missed = after?.tweets.filter((tweet) => !before.has(tweet.id)).length ?? 0;
      if (missed > 0 || !recovered)
        this.store.setState({ resumed: { missed, fresh: !recovered, at: Date.now() } });
    }, 300);
  }

  private apply(line: ChannelLine): void {
    const key = keyOfLine(line);
    if (!this.subscriptions.has(key)) return;
    if (line.topic === "timeline") this.recording.get(key)?.push(line);
    const next = reduce(this.held.get(key), line);
    if (next === "gap") {
      const subscription = this.subscriptions.get(key);
      this.held.delete(key);
      if (subscription) this.subscribe(key, subscription.channel);
      return;
    }
    this.held.set(key, next);
    this.heardAt = Date.now();
    this.publish();
  }

  private publish(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.frame(() => {
      this.scheduled = false;
      const shown = this.store.getState().channels;
      const channels = new Map(this.held);
      // A list that is still coming in parts is not shown: the whole one before it stays.
      for (const [key, state] of channels) {
        if (!state.partial) continue;
        const before = shown.get(key);
        if (before) channels.set(key, before);
        else channels.delete(key);
      }
      this.store.setState({ channels, errors: new Map(this.errors), heardAt: this.heardAt });
    });
  }
}
