import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { TimelineState } from "../topics/timeline";
import { delay, hinted } from "./backoff";
import { Live } from "./store";

class FakeSocket {
  static all: FakeSocket[] = [];
  static readonly OPEN = 1;
  readyState = 0;
  sent: { type: string; id?: number; topics?: { topic: string }[]; since?: object }[] = [];
  onopen: (() => void) | undefined;
  onmessage: ((event: { data: string }) => void) | undefined;
  onclose: ((event: { code: number; reason: string }) => void) | undefined;
  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
  }
  open() {
    this.readyState = 1;
    this.onopen?.();
  }
  say(...lines: object[]) {
    this.onmessage?.({ data: lines.map((line) => JSON.stringify(line)).join("\n") });
  }
  end(code: number, reason = "") {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

const epoch = "7d0c2a6be0f7a1c4";
const metrics = { likes: 0, reposts: 0, replies: 0, quotes: 0 };
const tweet = (n: number) => ({
  type: "tweet.posted",
  id: `x:${n}`,
  at: `2026-11-23T07:00:0${n}.000Z`,
  author: { handle: "a" },
  text: "",
  metrics,
});
const channel = { keyword: "배우", topic: { topic: "timeline" as const } };
const first = {
  type: "snapshot",
  keyword: "배우",
  topic: "timeline",
  epoch,
  seq: 5,
  mark: "aa",
  items: [tweet(1)],
  floor: null,
};
const second = {
  type: "update",
  keyword: "배우",
  topic: "timeline",
  epoch,
  prev: 5,
  seq: 6,
  mark: "bb",
  added: [tweet(2)],
  changed: [],
  removed: [],
};

let live: Live;
const socket = () => FakeSocket.all.at(-1) as FakeSocket;
const shown = () => [...live.store.getState().channels.values()][0] as TimelineState | undefined;

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  vi.stubGlobal("WebSocket", FakeSocket);
  live = new Live("ws://host/api/v1/live", (work) => work());
  live.start();
});

afterEach(() => {
  live.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the live connection", () => {
  it("takes over a socket that is open already, and makes the next one itself", () => {
    const given = new FakeSocket("ws://host/api/v1/live");
    given.readyState = 1;
    const other = new Live("ws://host/api/v1/live", (work) => work(), given as unknown as WebSocket);
    const made = FakeSocket.all.length;
    other.start();
    other.use(channel);
    expect(other.store.getState().connection.state).toBe("live");
    expect(given.sent).toHaveLength(1);
    expect(FakeSocket.all).toHaveLength(made);
    given.end(1006);
    vi.advanceTimersByTime(1_000);
    expect(FakeSocket.all).toHaveLength(made + 1);
    other.stop();
  });

  it("opens a socket of its own when the given one has ended", () => {
    const given = new FakeSocket("ws://host/api/v1/live");
    given.readyState = 3;
    const other = new Live("ws://host/api/v1/live", (work) => work(), given as unknown as WebSocket);
    other.start();
    expect(socket()).not.toBe(given);
    other.stop();
  });

  it("subscribes once for several users and shows what comes", () => {
    live.use(channel);
    live.use(channel);
    socket().open();
    expect(socket().sent).toEqual([
      { type: "subscribe", id: 2, keyword: "배우", topics: [{ topic: "timeline" }] },
    ]);
    socket().say({ type: "subscribed", id: 2, keyword: "배우", recovered: false }, first, second);
    expect(shown()?.tweets.map(({ id }) => id)).toEqual(["x:2", "x:1"]);
  });

  it("resumes with epoch, seq and mark, and counts what was missed", () => {
    live.use(channel);
    socket().open();
    socket().say(first);
    socket().end(1006);
    expect(live.store.getState().connection.state).toBe("lost");
    vi.advanceTimersByTime(1_000);
    socket().open();
    const request = socket().sent[0];
    expect(request?.since).toEqual({ epoch, seq: 5, mark: "aa" });
    socket().say({ type: "subscribed", id: request?.id, recovered: true }, second);
    vi.advanceTimersByTime(500);
    expect(live.store.getState().resumed).toMatchObject({ missed: 1, fresh: false });
  });

  it("starts a channel again when an update is missing", () => {
    live.use(channel);
    socket().open();
    socket().say(first, { ...second, prev: 6, seq: 7 });
    expect(socket().sent).toHaveLength(2);
    expect(socket().sent[1]?.since).toBeUndefined();
  });

  it("waits as long as a restarting server asks", () => {
    socket().open();
    socket().end(1012, '{"retry_ms":7000}');
    vi.advanceTimersByTime(6_900);
    expect(FakeSocket.all).toHaveLength(1);
    vi.advanceTimersByTime(200);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("does not come back by itself after a refused token", () => {
    socket().open();
    socket().end(4401);
    vi.advanceTimersByTime(120_000);
    expect(FakeSocket.all).toHaveLength(1);
  });

  it("is stale after 15 silent seconds and lost after 30", () => {
    socket().open();
    vi.advanceTimersByTime(20_001);
    expect(live.store.getState().connection.state).toBe("stale");
    socket().say({ type: "pong" });
    expect(live.store.getState().connection.state).toBe("live");
    vi.advanceTimersByTime(36_000);
    expect(live.store.getState().connection.state).toBe("lost");
  });

  it("unsubscribes some seconds after the last user left", () => {
    const leave = live.use(channel);
    socket().open();
    leave();
    vi.advanceTimersByTime(4_100);
    expect(socket().sent.at(-1)).toMatchObject({ type: "unsubscribe", topics: [{ topic: "timeline" }] });
  });

  it("keeps the error of a keyword that is not tracked", () => {
    live.use(channel);
    socket().open();
    socket().say({ type: "error", id: 2, keyword: "배우", code: "not_tracked", message: "" });
    expect([...live.store.getState().errors.values()][0]?.code).toBe("not_tracked");
  });
});

describe("delays", () => {
  it("double up to 30 seconds and are spread", () => {
    expect([0, 1, 2, 10].map((attempt) => delay(attempt, () => 1))).toEqual([1_000, 2_000, 4_000, 30_000]);
    expect(delay(3, () => 0)).toBe(4_000);
  });

  it("come from the close reason where it has one", () => {
    expect([hinted('{"retry_ms":500}'), hinted(""), hinted("null"), hinted('{"retry_ms":-1}')]).toEqual([
      500,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
