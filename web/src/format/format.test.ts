import { describe, expect, it } from "vitest";
import type { Overview } from "@/data/types";
import { csv, fileName } from "./csv";
import { headline } from "./headline";
import { changeOf, compact, multiple, percentText } from "./numbers";
import { absolute, day, fieldTime, hour, isoLocal, relative } from "./time";

describe("numbers", () => {
  it.each([
    [9_999, "9,999", "9,999"],
    [12_404, "1.2만", "12.4K"],
    [124_000, "12만", "124K"],
    [12_840_000, "1,284만", "12.8M"],
    [128_000_000, "1.2억", "128M"],
  ])("%i is %s and %s in tight places", (value, korean, english) => {
    expect([compact(value, "ko"), compact(value, "en")]).toEqual([korean, english]);
  });

  it("changes are whole percents, then multiples", () => {
    expect(changeOf(559, 369)).toEqual({ kind: "up", percent: 51 });
    expect(changeOf(3, 0)).toEqual({ kind: "new" });
    expect(changeOf(0, 0)).toEqual({ kind: "same" });
    expect([percentText(999, "ko"), percentText(1_000, "ko"), percentText(1_000, "en")]).toEqual([
      "999%",
      "11배",
      "11×",
    ]);
  });

  it("multiples have one decimal below ten", () => {
    expect([multiple(2.82), multiple(3), multiple(12.4)]).toEqual(["2.8", "3.0", "12"]);
  });
});

describe("times", () => {
  it("of files have an offset", () => {
    const at = Date.parse("2026-11-25T13:46:07Z");
    expect(isoLocal(at)).toBe("2026-11-25T22:46:07+09:00");
    expect(fieldTime(at)).toBe("2026-11-25T22:46");
  });

  const at = Date.parse("2026-11-25T22:46:07+09:00");
  it("are written in both languages", () => {
    expect([absolute(at, "ko"), absolute(at, "en")]).toEqual([
      "2026.11.25 (수) 22:46",
      "Wed 25 Nov 2026, 22:46",
    ]);
    expect([hour(at, "ko"), hour(at, "en"), day(at, "ko"), day(at, "en")]).toEqual([
      "22시",
      "22:00",
      "11.25 수",
      "Wed 25",
    ]);
  });

  it.each([
    [2, "방금", "now"],
    [42, "42초 전", "42 s"],
    [720, "12분 전", "12 min"],
    [3 * 3600, "3시간 전", "3 h"],
  ])("%i seconds ago is %s", (seconds, korean, english) => {
    expect([relative(at - seconds * 1e3, at, "ko"), relative(at - seconds * 1e3, at, "en")]).toEqual([
      korean,
      english,
    ]);
  });
});

describe("headline", () => {
  const keyword = (
    name: string,
    count: number,
    previous: number,
    rank: number,
    previous_rank: number | null,
  ) => ({
    keyword: name,
    token: name,
    count,
    previous,
    share: 0,
    rank,
    previous_rank,
    change: previous_rank === null ? null : previous_rank - rank,
    spark: [],
  });
  const overview = (changes: Partial<Overview>): Overview => ({
    window: "24h",
    total: 559,
    previous: 369,
    keywords: [],
    latest: [],
    spikes: [],
    until: "2026-11-25T13:47:00.000Z",
    epoch: "0",
    as_of: 1,
    ...changes,
  });
  const spike = (name: string, end: string) => ({
    keyword: name,
    token: name,
    start: "2026-11-25T13:00:00.000Z",
    end,
    peak_at: "2026-11-25T13:00:00.000Z",
    count: 12,
    expected: 4.3,
    score: 3,
    words: [],
    tweets: [],
    authors: [],
  });

  it("opens with the total", () => {
    expect(headline(overview({}))).toEqual([{ key: "hl.up", percent: 51, total: 559 }, { key: "hl.calm" }]);
    expect(headline(overview({ previous: 700 }))[0]).toEqual({ key: "hl.down", percent: 20, total: 559 });
    expect(headline(overview({ previous: 550 }))[0]).toEqual({ key: "hl.flat", total: 559 });
    expect(headline(overview({ previous: 0 }))[0]).toEqual({ key: "hl.first", total: 559 });
    expect(headline(overview({ total: 0 }))).toEqual([{ key: "hl.zero" }]);
  });

  it("tells two facts at most: spikes, then a climb, a new one, the largest growth", () => {
    const keywords = [keyword("a", 147, 80, 1, 1), keyword("b", 90, 66, 2, null), keyword("c", 69, 31, 3, 5)];
    const spikes = [spike("a", "2026-11-25T14:00:00.000Z"), spike("c", "2026-11-25T12:00:00.000Z")];
    expect(headline(overview({ keywords, spikes })).slice(1)).toEqual([
      { key: "hl.spike1", a: "a", x: "2.8" },
      { key: "hl.climb", a: "c", places: 2, rank: 3 },
    ]);
    expect(headline(overview({ keywords })).slice(1)).toEqual([
      { key: "hl.climb", a: "c", places: 2, rank: 3 },
      { key: "hl.new", a: "b", rank: 2 },
    ]);
  });
});

describe("CSV", () => {
  it("has a byte order mark, quotes what needs it and lets no cell be a formula", () => {
    expect(
      csv(
        ["단어", "건수"],
        [
          ["=1+1", 2],
          ['a"b,c', null],
        ],
      ),
    ).toBe('\ufeff단어,건수\r\n\'=1+1,2\r\n"a""b,c",\r\n');
  });

  it("is named after what it holds", () => {
    expect(fileName("us airways", "volume", Date.parse("2026-11-25T22:46:00+09:00"), "csv")).toBe(
      "tidings_us-airways_volume_20261125-2246.csv",
    );
  });
});
