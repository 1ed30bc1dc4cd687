import { describe, expect, it } from "vitest";
import { documentedLines, snapshot } from "@/test/fixtures";
import type {
  ChannelLine,
  Ledger,
  Overview,
  Timeline,
  TimelineLine,
  Tweet,
  Volume,
  VolumeLine,
  WholeLine,
} from "../types";
import { type ChannelState, channelKey, keyOf, keyOfLine, reduce } from "./channel";
import { type TimelineState, timeline, withOlder } from "./timeline";
import { volume } from "./volume";
import { whole } from "./whole";

const lines = documentedLines().filter((line): line is ChannelLine => "topic" in line);
const epoch = "7d0c2a6be0f7a1c4";

function tweet(n: number, likes = 0): Tweet {
  const at = new Date(Date.UTC(2026, 10, 23, 7, 0, n)).toISOString();
  const metrics = { likes, reposts: 0, replies: 0, quotes: 0 };
  return {
    type: "tweet.posted",
    id: `x:${n}`,
    at,
    author: { handle: "someone" },
    text: `tweet ${n}`,
    metrics,
  };
}

const place = ({ at, id }: Tweet) => ({ at, id });

function start(numbers: number[], seq = 10): TimelineState {
  const items = numbers.map((n) => tweet(n));
  const oldest = items.at(-1);
  const line: TimelineLine = {
    type: "snapshot",
    keyword: "배우",
    topic: "timeline",
    epoch,
    seq,
    items,
    floor: oldest ? place(oldest) : null,
  };
  return timeline(undefined, line) as TimelineState;
}

const update = (
  prev: number,
  seq: number,
  changes: Partial<Extract<TimelineLine, { type: "update" }>>,
): TimelineLine => ({
  type: "update",
  keyword: "배우",
  topic: "timeline",
  epoch,
  prev,
  seq,
  added: [],
  changed: [],
  removed: [],
  ...changes,
});

const ids = (state: TimelineState | "gap") => (state === "gap" ? state : state.tweets.map(({ id }) => id));

describe("timeline", () => {
  it("applies the documented example", () => {
    const [first, second] = lines.filter((line): line is TimelineLine => line.topic === "timeline");
    if (!first || !second) throw new Error("no example");
    const state = timeline(timeline(undefined, first) as TimelineState, second);
    if (state === "gap") throw new Error("gap");
    expect(state.seq).toBe(1251);
    expect(state.mark).toBe("b3d7e1a09c24f586");
    expect(state.tweets.map(({ id, metrics }) => [id, metrics.likes])).toEqual([["x:1593", 10]]);
  });

  it("keeps tweets newest first and ignores those below the floor", () => {
    const state = timeline(start([9, 8, 7]), update(10, 12, { added: [tweet(3), tweet(11), tweet(8, 5)] }));
    expect(ids(state)).toEqual(["x:11", "x:9", "x:8", "x:7"]);
  });

  it("removes a tweet that the same update added", () => {
    expect(
      ids(timeline(start([9]), update(10, 12, { added: [tweet(11)], removed: ["x:11", "x:404"] }))),
    ).toEqual(["x:9"]);
  });

  it("remembers the places of what was deleted", () => {
    const state = timeline(start([9, 8]), update(10, 12, { removed: ["x:8", "x:404"] })) as TimelineState;
    expect(state.gone).toEqual([place(tweet(8))]);
    expect((timeline(state, update(12, 13, { added: [tweet(11)] })) as TimelineState).gone).toBe(state.gone);
  });

  it("ignores old updates and takes the same one twice without harm", () => {
    const once = timeline(start([9]), update(10, 12, { added: [tweet(11)] })) as TimelineState;
    expect(timeline(once, update(10, 12, { added: [tweet(11)] }))).toEqual(once);
    expect(timeline(once, update(8, 9, { removed: ["x:9"] }))).toBe(once);
  });

  it("reports a missing update", () => {
    expect(timeline(start([9]), update(11, 12, {}))).toBe("gap");
    expect(timeline(start([9]), { ...update(10, 12, {}), epoch: "0000000000000000" })).toBe("gap");
    expect(timeline(undefined, update(10, 12, {}))).toBe("gap");
  });

  it("joins a snapshot that comes in parts", () => {
    const part = (items: Tweet[], more: boolean): TimelineLine => ({
      type: "snapshot",
      keyword: "배우",
      topic: "timeline",
      epoch,
      seq: 10,
      items,
      floor: null,
      ...(more ? { more: true as const } : {}),
    });
    const first = timeline(start([1]), part([tweet(9)], true)) as TimelineState;
    expect(first.partial).toBe(true);
    const whole = timeline(first, part([tweet(8)], false)) as TimelineState;
    expect([whole.partial, ids(whole)]).toEqual([false, ["x:9", "x:8"]]);
  });

  it("joins an older result page with the updates that came while it was on its way", () => {
    const missed = update(10, 12, {
      added: [tweet(11), tweet(4)],
      changed: [{ id: "x:5", metrics: tweet(5, 77).metrics }],
      removed: ["x:6"],
    });
    const now = timeline(start([9, 8]), missed) as TimelineState;
    const state = withOlder(now, {
      items: [tweet(8), tweet(7), tweet(6), tweet(5), tweet(3)],
      last: false,
      since: [missed],
    });
    expect(ids(state)).toEqual(["x:11", "x:9", "x:8", "x:7", "x:5", "x:4", "x:3"]);
    expect(state.tweets.find(({ id }) => id === "x:5")?.metrics.likes).toBe(77);
    expect(state.floor).toEqual(place(tweet(3)));
  });

  it("drops the oldest tweets over the limit and raises the floor", () => {
    const state = timeline(
      { ...start([9, 8, 7]), limit: 3 },
      update(10, 12, { added: [tweet(11), tweet(10)] }),
    );
    expect(ids(state)).toEqual(["x:11", "x:10", "x:9"]);
    expect(state).toMatchObject({ floor: place(tweet(9)) });
  });

  it("has no floor once the first tweet of all is held", () => {
    const state = withOlder(start([9]), { items: [tweet(2)], last: true, since: [] });
    expect(state.floor).toBeNull();
    expect(ids(timeline(state, update(10, 11, { added: [tweet(1)] })))).toEqual(["x:9", "x:2", "x:1"]);
  });

  it("shows what the server's timeline answer shows", () => {
    const answer = snapshot<Timeline>("views__timeline");
    const line: TimelineLine = {
      type: "snapshot",
      keyword: "연기",
      topic: "timeline",
      epoch,
      seq: answer.as_of,
      items: [...answer.items].reverse(),
      floor: null,
    };
    expect((timeline(undefined, line) as TimelineState).tweets).toEqual(answer.items);
  });
});

describe("volume", () => {
  const at = (hour: number) => new Date(Date.UTC(2026, 10, 23, hour)).toISOString();
  const base: VolumeLine = {
    type: "snapshot",
    keyword: "배우",
    topic: "volume",
    epoch,
    seq: 10,
    until: at(3),
    total: 6,
    points: [0, 1, 2].map((hour) => ({ at: at(hour), count: hour + 1 })),
  };
  const next = (points: [number, number][], until: number, from?: string): VolumeLine => ({
    type: "update",
    keyword: "배우",
    topic: "volume",
    epoch,
    prev: 10,
    seq: 11,
    until: at(until),
    points: points.map(([hour, count]) => ({ at: at(hour), count })),
    ...(from ? { from } : {}),
  });

  it("sets changed counts and adds them up", () => {
    const state = volume(volume(undefined, base) as never, next([[2, 9]], 3));
    expect(state).toMatchObject({ total: 12, seq: 11, until: at(3) });
  });

  it("drops as many buckets as entered, unless the start is fixed", () => {
    const held = volume(undefined, base) as never;
    expect(
      volume(
        held,
        next(
          [
            [3, 4],
            [4, 0],
          ],
          5,
        ),
      ),
    ).toMatchObject({ total: 7, points: [{ at: at(2) }, { at: at(3) }, { at: at(4) }] });
    expect(volume(held, next([[3, 4]], 4, at(0)))).toMatchObject({ total: 10, points: { length: 4 } });
  });

  it("takes a new end at the sequence that it holds", () => {
    expect(volume(volume(undefined, base) as never, { ...next([[3, 0]], 4), seq: 10 })).toMatchObject({
      until: at(4),
      total: 5,
    });
  });

  it("ignores a late bucket that has left the window", () => {
    const early = { ...next([], 3), points: [{ at: "2026-11-22T20:00:00.000Z", count: 5 }] };
    expect(volume(volume(undefined, base) as never, early)).toMatchObject({ total: 6 });
  });

  it("holds what the server's volume answer holds", () => {
    const { as_of, ...answer } = snapshot<Volume>("views__volume");
    const line = {
      ...answer,
      type: "snapshot",
      keyword: "연기",
      topic: "volume",
      epoch,
      seq: as_of,
    } as VolumeLine;
    expect(volume(undefined, line)).toMatchObject({
      points: answer.points,
      total: answer.total,
      until: answer.until,
    });
  });
});

describe("whole answers", () => {
  const overview = snapshot<Overview>("views__overview");
  const line = (extra: object): WholeLine =>
    ({ ...overview, type: "snapshot", topic: "overview", epoch, seq: overview.as_of, ...extra }) as WholeLine;

  it("holds the overview of the server's answer", () => {
    expect(whole<Overview>(undefined, line({}))).toMatchObject({
      answer: { total: overview.total, keywords: overview.keywords },
    });
  });

  it("joins the three lists of an overview in parts", () => {
    const first = whole<Overview>(
      undefined,
      line({
        more: true,
        spikes: [],
        keywords: overview.keywords.slice(0, 1),
        latest: overview.latest.slice(0, 1),
      }),
    );
    if (first === "gap") throw new Error("gap");
    const last = whole(
      first,
      line({ spikes: [], keywords: overview.keywords.slice(1), latest: overview.latest.slice(1) }),
    );
    expect(last).toMatchObject({
      partial: false,
      answer: { keywords: overview.keywords, latest: overview.latest },
    });
  });

  it("replaces the ledger", () => {
    const ledger = snapshot<Ledger>("views__ledger");
    const snapshotLine = {
      ...ledger,
      type: "snapshot",
      topic: "ledger",
      keyword: "연기",
      epoch,
      seq: 10,
    } as WholeLine;
    const held = whole<Ledger>(undefined, snapshotLine);
    if (held === "gap") throw new Error("gap");
    const updated = whole(held, {
      ...snapshotLine,
      type: "update",
      prev: 10,
      seq: 11,
      journaled: ledger.journaled + 1,
    } as WholeLine);
    expect(updated).toMatchObject({ seq: 11, answer: { journaled: ledger.journaled + 1 } });
  });
});

describe("channels", () => {
  it("name the same channel with and without default parameters", () => {
    expect(channelKey("a", "ranking", { by: "word", window: "24h" })).toBe(channelKey("a", "ranking", {}));
    expect(channelKey("a", "ranking", { by: "author" })).not.toBe(channelKey("a", "ranking", {}));
  });

  it("are found by their lines", () => {
    for (const documented of lines) {
      const channel = {
        keyword: "keyword" in documented ? (documented.keyword as string) : undefined,
        topic: { topic: documented.topic },
      };
      expect(keyOfLine(documented)).toBe(keyOf(channel as never));
    }
  });

  it("reduce every documented line without an exception", () => {
    for (const documented of lines)
      expect(reduce(undefined as ChannelState | undefined, documented)).toBeDefined();
  });
});
