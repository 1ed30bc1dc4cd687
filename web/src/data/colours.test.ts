import { describe, expect, it } from "vitest";
import { assignSlots, distinctSlots, fnv1a32 } from "./colours";

const named = (keywords: string[]) =>
  keywords.map((keyword) => ({ keyword, token: encodeURIComponent(keyword) }));

describe("colour slots", () => {
  it("hash as the server places keywords", () => {
    expect(fnv1a32("")).toBe(0x811c9dc5);
    expect(fnv1a32("a")).toBe(0xe40c292c);
    expect(fnv1a32("foobar")).toBe(0xbf9cf968);
  });

  it("do not depend on the order in which keywords are given", () => {
    const keywords = named(["연기", "배우", "감독", "ai", "us airways"]);
    expect(assignSlots(keywords)).toEqual(assignSlots([...keywords].reverse()));
  });

  it("are all different for the first ten, and marked when used again", () => {
    const slots = [...assignSlots(named(Array.from({ length: 12 }, (_, n) => `word${n}`))).values()];
    expect(new Set(slots.filter(({ again }) => !again).map(({ index }) => index)).size).toBe(10);
    expect(slots.filter(({ again }) => again)).toHaveLength(2);
  });

  it("never meet in one chart", () => {
    const slots = new Map([
      ["a", { index: 3, again: false }],
      ["b", { index: 3, again: true }],
      ["c", { index: 4, again: false }],
    ]);
    const indexes = [...distinctSlots(["a", "b", "c"], slots).values()].map(({ index }) => index);
    expect(indexes).toEqual([3, 4, 5]);
  });
});
