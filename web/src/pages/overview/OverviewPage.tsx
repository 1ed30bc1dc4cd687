import { lazy, useRef, useState } from "react";
import { PageBar, WindowControl } from "@/app/PageBar";
import { PageBody } from "@/app/PageBody";
import { useUi } from "@/app/ui";
import { Button, IconButton } from "@/components/Button/Button";
import { Card } from "@/components/Card/Card";
import { CsvButton, type CsvTable } from "@/components/CsvButton/CsvButton";
import { Donut, type Slice } from "@/components/Donut/Donut";
import { useSlots } from "@/components/Dot/Dot";
import { Failed } from "@/components/Empty/Empty";
import { Headline } from "@/components/Headline/Headline";
import { KeywordTable } from "@/components/KeywordTable/KeywordTable";
import { LatestTweets } from "@/components/LatestTweets/LatestTweets";
import { Legend, shownOf } from "@/components/Legend/Legend";
import { OverviewChart, type Series } from "@/components/OverviewChart/OverviewChart";
import { PictureButton } from "@/components/PictureButton/PictureButton";
import { Segmented } from "@/components/Segmented/Segmented";
import { Skeleton } from "@/components/Skeleton/Skeleton";
import { SpikeList } from "@/components/SpikeList/SpikeList";
import { Stat } from "@/components/Stat/Stat";
import { distinctSlots, slotColour } from "@/data/colours";
import { loadAgain } from "@/data/late";
import { useMoment } from "@/data/live/context";
import { type Overview, type SpikeOfKeyword, WINDOW_MS, type Window } from "@/data/types";
import { headline, isOngoing } from "@/format/headline";
import { changeOf, exact } from "@/format/numbers";
import { isoLocal } from "@/format/time";
import { useOverview } from "@/hooks/topics";
import { useGaps } from "@/hooks/useGaps";
import { useMedia } from "@/hooks/useMedia";
import { useShortcut } from "@/hooks/useShortcut";
import { timeParameter, useUrl, useWindow } from "@/hooks/useUrl";
import { useT } from "@/i18n/I18n";
import "./overview.css";

const FirstRun = lazy(() => loadAgain(() => import("@/pages/first-run/FirstRun")));

/** So many keywords have a colour of their own in chart and donut; the others are one. */
const SHOWN = 6;
/** The sentence on screen is rewritten at most this often. */
const SENTENCE_MS = 10_000;

export default function OverviewPage() {
  const t = useT();
  const { get } = useUrl();
  const at = timeParameter(get("at"));
  const [window, setWindow] = useWindow("24h");
  const { data, seq, epoch, error, retry } = useOverview(window, at);
  const empty =
    data !== undefined && (data.keywords.length === 0 || (at === undefined && data.latest.length === 0));
  const title = t("nav.overview");
  return (
    <>
      <PageBar
        title={title}
        heading={<h1>{title}</h1>}
        at={at}
        controls={empty ? undefined : <WindowControl value={window} onChange={setWindow} />}
        panels={[{ name: title, seq, epoch }]}
        file={data && !empty ? { panel: "keywords", table: () => keywordTable(data, t) } : undefined}
      />
      <PageBody>
        {data && empty ? (
          <FirstRun overview={data} />
        ) : data ? (
          <Panels overview={data} window={window} at={at} />
        ) : error ? (
          <Failed detail={error} onRetry={retry} />
        ) : (
          <Loading />
        )}
      </PageBody>
    </>
  );
}

type T = ReturnType<typeof useT>;

const keywordTable = (overview: Overview, t: T): CsvTable => [
  [t("col.rank"), t("col.keyword"), t("col.tweets"), t("col.prev"), t("col.share")],
  overview.keywords.map(({ rank, keyword, count, previous, share }) => [
    rank,
    keyword,
    count,
    previous,
    share,
  ]),
];

const seriesTable = ({ window, until, keywords }: Overview, t: T): CsvTable => {
  const spanMs = WINDOW_MS[window];
  const columns = keywords[0]?.spark.length ?? 0;
  return [
    [t("chart.time"), ...keywords.map(({ keyword }) => keyword)],
    Array.from({ length: columns }, (_, index) => [
      isoLocal(Date.parse(until) - spanMs + (index * spanMs) / columns),
      ...keywords.map(({ spark }) => spark[index] ?? 0),
    ]),
  ];
};

const spikeTable = (spikes: readonly SpikeOfKeyword[], t: T): CsvTable => [
  [t("range.from"), t("range.to"), t("col.keyword"), t("col.tweets"), t("col.expected")],
  spikes.map(({ start, end, keyword, count, expected }) => [
    isoLocal(Date.parse(start)),
    isoLocal(Date.parse(end)),
    keyword,
    count,
    expected,
  ]),
];

/** What a sentence says but its figures. */
const saying = (sentences: ReturnType<typeof headline>) =>
  JSON.stringify(sentences, (_, value) => (typeof value === "number" ? 0 : value));

/**
 * Says something else only when the words change, and not more often than people can read. The figures in the same
 * words are always those of the page, so that no two of them disagree.
 */
function useCalmHeadline(overview: Overview) {
  const next = headline(overview);
  const shown = useRef({ words: saying(next), window: overview.window, sentences: next, at: Date.now() });
  const words = saying(next);
  const held = shown.current;
  if (words === held.words) shown.current = { ...held, window: overview.window, sentences: next };
  else if (held.window !== overview.window || Date.now() - held.at > SENTENCE_MS)
    shown.current = { words, window: overview.window, sentences: next, at: Date.now() };
  return shown.current.sentences;
}

function useShares(overview: Overview) {
  const t = useT();
  const slots = useSlots();
  const top = overview.keywords.slice(0, SHOWN);
  const rest = overview.keywords.slice(SHOWN);
  const colours = distinctSlots(
    top.map(({ keyword }) => keyword),
    slots,
  );
  const colour = (keyword: string) => slotColour(colours.get(keyword) ?? { index: 0, again: false });
  const series: Series[] = top.map(({ keyword, spark }) => ({
    name: keyword,
    colour: colour(keyword),
    values: spark,
  }));
  const slices: Slice[] = top.map(({ keyword, count }) => ({
    name: keyword,
    colour: colour(keyword),
    count,
  }));
  if (rest.length > 0) {
    const name = t("ov.others");
    const values = Array.from({ length: 24 }, (_, index) =>
      rest.reduce((sum, { spark }) => sum + (spark[index] ?? 0), 0),
    );
    series.push({ name, colour: "var(--border-strong)", values });
    slices.push({
      name,
      colour: "var(--border-strong)",
      count: rest.reduce((sum, { count }) => sum + count, 0),
    });
  }
  return { series, slices };
}

/** As many tweets as stand beside the table, so that the row ends at one height. */
const latestRows = ({ keywords }: Overview, wide: boolean) =>
  Math.min(10, Math.max(5, Math.round((keywords.length * 40 + 34) / (wide ? 64 : 72))));

const CHART_TITLES = {
  "1h": "ov.chart.minute",
  "24h": "ov.chart",
  "7d": "ov.chart.day",
  "30d": "ov.chart.day",
} as const;

function Panels({ overview, window, at }: { overview: Overview; window: Window; at: string | undefined }) {
  const t = useT();
  const [mode, setMode] = useState<"stack" | "lines">("stack");
  const [table, setTable] = useState(false);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const { series, slices } = useShares(overview);
  const spikes = [...(overview.spikes ?? [])].sort(
    (a, b) =>
      Number(isOngoing(b, overview.until)) - Number(isOngoing(a, overview.until)) || b.score - a.score,
  );
  const win = t(`win.${window}`);
  // There a text takes one line.
  const wide = useMedia("(min-width: 1920px)");
  const gaps = useGaps();
  const end = Date.parse(overview.until);
  const picture = { subject: t("nav.overview"), win, moment: useMoment(at) };
  useShortcut("t", () => setTable(!table));
  const modes = [
    { value: "stack", label: t("ov.stack") },
    { value: "lines", label: t("ov.lines") },
  ] as const;
  return (
    <>
      <Headline sentences={useCalmHeadline(overview)} window={window} />
      <div className="cols">
        <Card
          className="c8"
          title={t(CHART_TITLES[window])}
          actions={
            <>
              <span className="hide-s">
                <Segmented small label={t("ov.chart")} value={mode} options={modes} onChange={setMode} />
              </span>
              <IconButton
                icon="table"
                label={t("chart.table")}
                aria-pressed={table}
                onClick={() => setTable(!table)}
              />
              <PictureButton panel="series" {...picture} />
              <CsvButton panel="series" table={() => seriesTable(overview, t)} />
            </>
          }
        >
          <div className="ov-stat">
            <Stat
              value={overview.total}
              unit={t("unit.tweets")}
              change={changeOf(overview.total, overview.previous)}
              compared={t("ov.before", { win, n: exact(overview.previous) })}
            />
          </div>
          <OverviewChart
            series={shownOf(series, hidden)}
            window={window}
            until={overview.until}
            mode={mode}
            table={table}
            gaps={gaps}
          />
          <Legend
            className="ov-legend"
            label={t("ov.chart")}
            items={series}
            hidden={hidden}
            onChange={setHidden}
          />
          {gaps?.list(end - WINDOW_MS[window], end)}
        </Card>
        <div className="c4 stackv ov-side">
          <Card title={t("ov.share")} actions={<PictureButton panel="share" {...picture} />}>
            <Donut slices={slices} total={overview.total} />
          </Card>
          <Card
            flush
            title={t("spike")}
            sub={<span className="n">{spikes.length}</span>}
            actions={
              <>
                <span className="sub ov-sub">{t("ov.last", { win })}</span>
                <CsvButton panel="spikes" table={() => spikeTable(spikes, t)} />
              </>
            }
          >
            <SpikeList spikes={spikes.slice(0, 6)} until={overview.until} />
          </Card>
        </div>
        <Card
          className="c8"
          flush
          title={t("ov.table")}
          sub={<span className="n">{overview.keywords.length}</span>}
          actions={
            <Button kind="ghost" size="s" icon="plus" onClick={() => useUi.setState({ palette: "add" })}>
              {t("kw.add")}
            </Button>
          }
        >
          <KeywordTable keywords={overview.keywords} />
        </Card>
        <LatestTweets className="c4" tweets={overview.latest.slice(0, latestRows(overview, wide))} />
      </div>
    </>
  );
}

function Loading() {
  return (
    <>
      <div className="headline">
        <Skeleton lines={2} />
      </div>
      <div className="cols">
        <section className="card c8 ov-load">
          <Skeleton height={300} />
        </section>
        <section className="card c4 ov-load">
          <Skeleton height={300} />
        </section>
        <section className="card c8 ov-load">
          <Skeleton lines={10} />
        </section>
        <section className="card c4 ov-load">
          <Skeleton lines={10} />
        </section>
      </div>
    </>
  );
}
