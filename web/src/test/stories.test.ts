// @vitest-environment node
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const STATES = {
  l: "Loading",
  e: "Empty",
  t: "Typical",
  b: "Burst",
  s: "Stale",
  d: "Disconnected",
  x: "ErrorState",
  g: "LongContent",
} as const;

/** The states that each component can be in: letters of `STATES`, then names of its own. A new component gets a line. */
const COMPONENTS: Readonly<Record<string, string>> = {
  AsOf: "- Live Connecting Reconnecting Stale Offline Past",
  Badge: "- Plain Live Ongoing CatchingUp Quarantined",
  Banner: "g Offline Reconnecting Resumed CatchingUp Plain",
  Button: "g Default Primary Ghost Danger Small Large Disabled Busy",
  Card: "teg",
  Chart: "teg Tip",
  Chip: "g Suggestion Chosen Removable Add",
  CodeBlock: "tg",
  CompareChart: "letbsxg TenSeries Shares AsTable Gaps",
  CompareTable: "letbsxg",
  CsvButton: "t",
  Delta: "- Up Down Same New Far Ranks",
  Dialog: "g Open Full",
  Donut: "letbsxg VeryLarge",
  Dot: "- Keyword Again Large Palette",
  Empty: "tx WithMore",
  Feed: "lebtsdxg NoMatch End Past Paused Scrolled BucketChosen Filtered Deleted",
  Field: "xg Rest",
  FindPalette: "exg Find Add Busy",
  GapMarks: "etbsg Filled Lost Open Tip",
  Headline: "letbsg Falling Calm First",
  HotMark: "tb",
  Icon: "- All",
  Kbd: "- Slash",
  KeyValue: "teg",
  KeywordStatus: "letbsxg Releasing ManyKeywords",
  KeywordTable: "letbsxg",
  LatestTweets: "letbsxg",
  Ledger: "lebs Balanced NotYet NotBalanced Badge NotBalancedBadge",
  Legend: "tsg OneHidden",
  LiveDot: "- Live Connecting Stale Offline",
  Menu: "t",
  OverviewChart: "letbsxg Lines Month AsTable Gaps",
  PictureButton: "t",
  Popover: "t",
  RankList: "letbsxg Authors",
  RateChart: "letbsx",
  RelatedMap: "ltbsxg FewWords AsList",
  RelativeTime: "- LongAgo",
  Segmented: "- Window Small",
  ShardLag: "letbsx Behind Stalled",
  Shell: "t",
  Sidebar: "letbsdg Selected ManyKeywords Again",
  Skeleton: "- Lines Chart",
  SourceGaps: "letbsxg",
  SourcePanel: "letbsxg Full NotBalanced Gone Stopped States",
  Sparkline: "ltbs Smooth Flat",
  SpikeList: "ltbsxg None",
  SpikeStrip: "lbsg Ongoing Past",
  Stat: "letbsx VeryLarge NothingBefore",
  Table: "letbsxg ManyRows",
  Tabs: "t",
  Toast: "- Shown",
  TopBar: "tg",
  Tweet: "tbg Fresh English Markup RightToLeft Deleted",
  UPlot: "tes",
  VolumeChart: "letbsdxg BucketChosen Days AsTable Gaps GapsAsTable",
  WeekBars: "letbsxg",
};

const folder = join(import.meta.dirname, "../components");

describe("every component has a story of every state", () => {
  it("lists every component", () => {
    expect(readdirSync(folder).sort()).toEqual(Object.keys(COMPONENTS).sort());
  });

  it.each(Object.entries(COMPONENTS))("%s", (name, states) => {
    const [letters = "", ...own] = states.split(" ");
    const wanted = [
      ...[...letters].flatMap((letter) => (letter === "-" ? [] : [STATES[letter as keyof typeof STATES]])),
      ...own,
    ];
    const source = readFileSync(join(folder, name, `${name}.stories.tsx`), "utf8");
    const found = [...source.matchAll(/^export const (\w+): Story/gm)].map(([, story]) => story);
    expect(found).toEqual(expect.arrayContaining(wanted));
    expect(readdirSync(join(folder, name)), "stories are rendered by a test").toContain(`${name}.test.tsx`);
  });
});
