import { tokenOf } from "@/data/token";
import type {
  KeywordCount,
  Ledger,
  Overview,
  Point,
  Related,
  Spike,
  SpikeOfKeyword,
  TopItem,
  Tweet,
} from "@/data/types";

/** Made-up data for stories and tests. Nothing here depends on the clock. */
export const keywordNames = [
  "모루폰",
  "별가루단",
  "너구리즈",
  "서리온",
  "pellivar",
  "brambleforge",
  "뭉게톡",
  "여섯번째 우산",
  "우당탕면",
  "안개나루",
  "wrenna quill",
  "honksworth",
];
export const LONG_KEYWORD = "아주아주긴키워드".repeat(8);
export const until = "2026-11-25T13:47:00.000Z";
export const epoch = "7d0c2a6be0f7a1c4";

/** A wave that looks like a day, the same on every run. */
export const wave = (length: number, size: number, shift = 0) =>
  Array.from({ length }, (_, index) =>
    Math.max(0, Math.round(size * (1 + Math.sin((index + shift) / 3.8)) + ((index * 7 + shift) % 5))),
  );

export const keyword = (name: string, rank: number, changes: Partial<KeywordCount> = {}): KeywordCount => ({
  keyword: name,
  token: tokenOf(name),
  count: 1_400 - rank * 95,
  previous: 1_300 - rank * 80 + (rank % 3) * 120,
  share: (1_400 - rank * 95) / 9_600,
  rank,
  previous_rank: rank + ((rank % 3) - 1),
  change: (rank % 3) - 1,
  spark: wave(24, 60 - rank * 4, rank * 5),
  ...changes,
});

export const keywords = keywordNames.map((name, index) => keyword(name, index + 1));

export const tweet = (n: number, changes: Partial<Tweet> = {}): Tweet => ({
  type: "tweet.posted",
  id: `x:${n}`,
  at: new Date(Date.parse(until) - n * 47_000).toISOString(),
  author: { handle: `user_${1_000 + n}` },
  text:
    [
      "모루폰 카메라 진짜 좋다",
      "배터리 오래 가서 만족",
      "The hinge of the new 모루폰 feels solid",
      "모루폰 어디서 사요? ㅋㅋㅋ 🙌",
    ][n % 4] ?? "",
  lang: n % 4 === 2 ? "en" : "ko",
  url: `https://x.example/${n}`,
  metrics: { likes: (n * 13) % 41, reposts: (n * 3) % 7, replies: n % 3, quotes: 0 },
  ...changes,
});

export const spike = (changes: Partial<Spike> = {}): Spike => ({
  start: "2026-11-25T12:00:00.000Z",
  end: "2026-11-25T14:00:00.000Z",
  peak_at: "2026-11-25T13:00:00.000Z",
  count: 120,
  expected: 43.2,
  score: 91.4,
  words: ["배터리", "출시", "예약", "품절", "매장"],
  tweets: ["x:1", "x:2"],
  authors: ["user_1001"],
  ...changes,
});

export const spikeOf = (name: string, changes: Partial<Spike> = {}): SpikeOfKeyword => ({
  ...spike(changes),
  keyword: name,
  token: tokenOf(name),
});

export const overview: Overview = {
  window: "24h",
  total: 9_612,
  previous: 8_377,
  keywords,
  latest: Array.from({ length: 10 }, (_, n) => ({ ...tweet(n), keyword: keywordNames[n % 5] ?? "" })),
  spikes: [spikeOf("모루폰"), spikeOf("서리온", { end: "2026-11-25T10:00:00.000Z", count: 88 })],
  until,
  epoch,
  as_of: 41_208,
};

export const points = (length: number, size = 12, stepMs = 36e5): Point[] =>
  wave(length, size).map((count, index) => ({
    at: new Date(Date.parse("2026-11-25T14:00:00.000Z") - (length - index) * stepMs).toISOString(),
    count,
  }));

export const topItems = (length: number): TopItem[] =>
  Array.from({ length }, (_, index) => ({
    rank: index + 1,
    key:
      ["카메라", "배터리", "화면", "가격", "디자인", "매장", "예약", "무게"][index % 8] +
      (index > 7 ? String(index) : ""),
    count: Math.round(420 / (index + 1)),
    previous_rank: index % 4 === 3 ? null : index + 1 + (index % 3),
    change: index % 4 === 3 ? null : index % 3,
  }));

export const related = (length: number): Related => ({
  window: "7d",
  total: 497,
  others: 22_104,
  until,
  epoch,
  as_of: 41_208,
  nodes: Array.from({ length }, (_, index) => ({
    word: `${["카메라", "배터리", "화면", "가격", "디자인", "매장", "예약", "무게", "색상", "충전"][index % 10]}${index > 9 ? index : ""}`,
    count: Math.round(90 / (index / 3 + 1)) + 3,
    g2: Math.round(2_000 / (index + 1)) / 10,
    npmi: 0.4,
    rank: index + 1,
    previous_rank: index % 6 === 2 ? null : index + 2,
  })),
  links: Array.from({ length: Math.max(0, length - 1) }, (_, index) => ({
    a: "배터리",
    b: "카메라",
    count: length - index,
  })).slice(0, 1),
});

export const ledger: Ledger = {
  journaled: 5_127,
  folded: 5_112,
  duplicate: 12,
  ignored: 3,
  rejected: 0,
  deleted: 3,
  epoch,
  as_of: 41_208,
};
