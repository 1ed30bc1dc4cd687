import { useState } from "react";
import { Link } from "react-router";
import { PageBar, WindowControl } from "@/app/PageBar";
import { PageBody } from "@/app/PageBody";
import { IconButton } from "@/components/Button/Button";
import { Card } from "@/components/Card/Card";
import { Chip } from "@/components/Chip/Chip";
import { CompareChart, type CompareLine } from "@/components/CompareChart/CompareChart";
import { CompareTable } from "@/components/CompareTable/CompareTable";
import { CsvButton, type CsvTable } from "@/components/CsvButton/CsvButton";
import { Donut } from "@/components/Donut/Donut";
import { ColourDot, useSlots } from "@/components/Dot/Dot";
import { Empty, Failed } from "@/components/Empty/Empty";
import { FindPalette } from "@/components/FindPalette/FindPalette";
import { Legend, shownOf } from "@/components/Legend/Legend";
import { PictureButton } from "@/components/PictureButton/PictureButton";
import { Segmented } from "@/components/Segmented/Segmented";
import { Skeleton } from "@/components/Skeleton/Skeleton";
import { bucketText } from "@/components/VolumeChart/bucket";
import { type BarGroup, WeekBars } from "@/components/WeekBars/WeekBars";
import { distinctSlots, slotColour } from "@/data/colours";
import { keywordPath } from "@/data/token";
import { STEP_MS, type Step, type Window } from "@/data/types";
import { changeOf, exact } from "@/format/numbers";
import { hour, isoLocal, shortDay } from "@/format/time";
import { useOverview } from "@/hooks/topics";
import { useGaps } from "@/hooks/useGaps";
import { useShortcut } from "@/hooks/useShortcut";
import { timeParameter, useUrl, useWindow } from "@/hooks/useUrl";
import { Text, useLanguage, useT } from "@/i18n/I18n";
import { SharedWords } from "./SharedWords";
import {
  COMPARE_STEPS,
  type Compared,
  MAX_KEYWORDS,
  type Mode,
  scaled,
  splitWindow,
  useCompare,
} from "./useCompare";
import "@/components/Headline/Headline.css";
import "./compare.css";

const MODES: readonly Mode[] = ["count", "index", "share"];

export default function ComparePage() {
  const t = useT();
  const { params, set, get } = useUrl();
  const [window, setWindow] = useWindow("30d");
  const at = timeParameter(get("at"));
  const chosen = [...new Set(params.getAll("keyword"))].slice(0, MAX_KEYWORDS);
  const mode = MODES.find((each) => each === get("mode")) ?? "count";
  const { data, error, refetch, dataUpdatedAt } = useCompare(chosen, window, at);
  const series = data ? splitWindow(data, window) : undefined;
  const title = t("cmp.title");
  return (
    <>
      <PageBar
        title={title}
        heading={<h1>{title}</h1>}
        at={at}
        polledAt={dataUpdatedAt || undefined}
        controls={<WindowControl value={window} onChange={setWindow} />}
        panels={[{ name: title, seq: data?.as_of ?? 0, epoch: data?.epoch }]}
      />
      <PageBody>
        {series && series.length > 1 ? (
          <Sentence series={series} window={window} />
        ) : (
          <div className="headline cmp-headline" />
        )}
        <Choice chosen={chosen} />
        {chosen.length < 2 ? (
          <section className="card">
            <Empty icon="compare" title={t("cmp.empty")} />
          </section>
        ) : error && !data ? (
          <Failed detail={error.message} onRetry={() => void refetch()} />
        ) : series && data ? (
          <Panels
            series={series}
            window={window}
            mode={mode}
            until={data.until}
            live={at === undefined}
            at={at}
            answeredAt={at === undefined ? dataUpdatedAt : Date.parse(at)}
            onMode={(next) => set({ mode: next === "count" ? undefined : next }, true)}
          />
        ) : (
          <section className="card cmp-load">
            <Skeleton height={304} />
          </section>
        )}
      </PageBody>
    </>
  );
}

/** The chosen keywords, and the way to one more. */
function Choice({ chosen }: { chosen: readonly string[] }) {
  const t = useT();
  const { params } = useUrl();
  const [, setParams] = useKeywordParams();
  const slots = useSlots();
  const colours = distinctSlots(chosen, slots);
  const [picking, setPicking] = useState(false);
  const keywords = useOverview("24h").data?.keywords.map(({ keyword }) => keyword) ?? [];
  return (
    <div className="chips cmp-chips" data-count={params.getAll("keyword").length}>
      {chosen.map((keyword) => (
        <Chip
          key={keyword}
          large
          onRemove={() => setParams(chosen.filter((each) => each !== keyword))}
          removeLabel={t("cmp.remove", { keyword })}
        >
          <ColourDot colour={slotColour(colours.get(keyword) ?? { index: 0, again: false })} />
          <span className="ell" title={keyword}>
            {keyword}
          </span>
        </Chip>
      ))}
      {chosen.length < MAX_KEYWORDS ? (
        <Chip large tone="dashed" icon="plus" onClick={() => setPicking(true)}>
          {t("cmp.add")}
        </Chip>
      ) : (
        <span className="t3">{t("cmp.max")}</span>
      )}
      <FindPalette
        mode={picking ? "find" : undefined}
        keywords={keywords.filter((keyword) => !chosen.includes(keyword))}
        onOpen={(keyword) => {
          setPicking(false);
          setParams([...chosen, keyword]);
        }}
        onAdd={() => setPicking(false)}
        onClose={() => setPicking(false)}
      />
    </div>
  );
}

function useKeywordParams() {
  const { params, replaceAll } = useUrl();
  return [
    params.getAll("keyword"),
    (keywords: readonly string[]) => replaceAll("keyword", keywords),
  ] as const;
}

function Sentence({ series, window }: { series: readonly Compared[]; window: Window }) {
  const t = useT();
  const slots = distinctSlots(
    series.map(({ keyword }) => keyword),
    useSlots(),
  );
  const link = (keyword: string) => ({
    word: keyword,
    node: (
      <Link
        to={keywordPath(keyword)}
        style={{ "--c": slotColour(slots.get(keyword) ?? { index: 0, again: false }) }}
      >
        {keyword}
      </Link>
    ),
  });
  const most = [...series].sort((a, b) => b.total - a.total)[0];
  const grown = [...series]
    .filter(({ before }) => before > 0)
    .sort((a, b) => b.total / b.before - a.total / a.before)[0];
  if (!most || most.total === 0) return <div className="headline" />;
  const win = t(`win.long.${window}`);
  const grew = grown && changeOf(grown.total, grown.before).kind === "up" && grown.keyword !== most.keyword;
  return (
    <div className="headline cmp-headline">
      <p>
        {grew ? (
          <Text k="cmp.hl2" values={{ win, a: link(most.keyword), b: link(grown.keyword) }} />
        ) : (
          <Text k="cmp.hl3" values={{ win, a: link(most.keyword), n: exact(most.total) }} />
        )}
      </p>
    </div>
  );
}

const GROUPS = 4;

/** Sums of the quarters of the window: weeks of a month, days and hours of shorter ones. */
function groups(
  series: readonly Compared[],
  colour: (keyword: string) => string,
  step: Step,
  text: (from: number, to: number) => string,
): BarGroup[] {
  const count = series[0]?.points.length ?? 0;
  const size = Math.max(1, Math.floor(count / GROUPS));
  const first = count - size * GROUPS;
  return Array.from({ length: Math.min(GROUPS, count) }, (_, group) => {
    const from = first + group * size;
    const at = (index: number) => Date.parse(series[0]?.points[index]?.at ?? "");
    return {
      name: text(at(from), at(from + size - 1) + (step === "day" ? 0 : step === "hour" ? 36e5 : 6e4)),
      bars: series.map(({ keyword, points }) => ({
        name: keyword,
        colour: colour(keyword),
        count: points.slice(from, from + size).reduce((sum, point) => sum + point.count, 0),
      })),
    };
  });
}

function Panels({
  series,
  window,
  mode,
  until,
  live,
  at,
  answeredAt,
  onMode,
}: {
  series: readonly Compared[];
  window: Window;
  mode: Mode;
  until: string;
  live: boolean;
  at: string | undefined;
  answeredAt: number;
  onMode: (mode: Mode) => void;
}) {
  const t = useT();
  const language = useLanguage();
  const [table, setTable] = useState(false);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  useShortcut("t", () => setTable((now) => !now));
  const step = COMPARE_STEPS[window];
  const names = series.map(({ keyword }) => keyword);
  const slots = distinctSlots(names, useSlots());
  const slot = (keyword: string) => slots.get(keyword) ?? { index: 0, again: false };
  const colour = (keyword: string) => slotColour(slot(keyword));
  const values = scaled(series, mode);
  const lines: CompareLine[] = series.map(({ keyword }, index) => ({
    name: keyword,
    colour: colour(keyword),
    slot: slot(keyword).index,
    values: values[index] ?? [],
  }));
  const times = series[0]?.points.map((point) => Date.parse(point.at)) ?? [];
  const gaps = useGaps();
  const sorted = [...series].sort((a, b) => b.total - a.total);
  const total = series.reduce((sum, each) => sum + each.total, 0);
  const rows = sorted.map(({ keyword, points, total: own, before }) => {
    const peak = points.reduce(
      (most, point) => (point.count > most.count ? point : most),
      points[0] ?? { at: until, count: 0 },
    );
    return {
      keyword,
      colour: colour(keyword),
      total: own,
      before,
      mean: Math.round((own / Math.max(1, points.length)) * 10) / 10,
      peak: `${bucketText(Date.parse(peak.at), step, language)} · ${exact(peak.count)}`,
    };
  });
  const range = (from: number, to: number) =>
    step === "day" || window === "7d"
      ? `${shortDay(from, language)}–${shortDay(to, language)}`
      : `${hour(from, language)}–${hour(to, language)}`;
  const bars = groups(series, colour, step, range);
  const seriesTable = (): CsvTable => [
    [t("chart.time"), ...names],
    times.map((time, index) => [isoLocal(time), ...series.map(({ points }) => points[index]?.count ?? 0)]),
  ];
  const sideTable = (): CsvTable => [
    [t("col.keyword"), t("cmp.total"), t("col.prev"), t("cmp.mean"), t("col.peak")],
    rows.map(({ keyword, total: own, before, mean, peak }) => [keyword, own, before, mean, peak]),
  ];
  const barTable = (): CsvTable => [
    [t("chart.time"), ...names],
    bars.map(({ name, bars: each }) => [name, ...each.map(({ count }) => count)]),
  ];
  const picture = { subject: t("cmp.title"), win: t(`win.${window}`), moment: () => answeredAt };
  const modes = [
    { value: "count", label: t("cmp.abs") },
    { value: "index", label: t("cmp.index") },
    { value: "share", label: t("cmp.share") },
  ] as const;
  return (
    <div className="cols">
      <Card
        className="c12"
        title={t(`cmp.chart.${step}`)}
        sub={mode === "index" ? t("cmp.index.help") : undefined}
        actions={
          <>
            <Segmented small label={t("cmp.title")} value={mode} options={modes} onChange={onMode} />
            <IconButton
              icon="table"
              label={t("chart.table")}
              aria-pressed={table}
              onClick={() => setTable(!table)}
            />
            <PictureButton panel="compare" {...picture} />
            <CsvButton panel="compare" table={seriesTable} />
          </>
        }
      >
        <CompareChart
          lines={shownOf(lines, hidden)}
          times={times}
          step={step}
          unit={mode === "share" ? "%" : ""}
          open={live}
          table={table}
          gaps={gaps}
        />
        <Legend
          className="cmp-legend"
          label={t("cmp.title")}
          items={lines}
          hidden={hidden}
          onChange={setHidden}
        />
        {gaps?.list(times[0] ?? 0, (times.at(-1) ?? 0) + STEP_MS[step])}
      </Card>
      <Card
        flush
        className="c8"
        title={t("cmp.side")}
        actions={<CsvButton panel="compare-sums" table={sideTable} />}
      >
        <CompareTable rows={rows} />
      </Card>
      <Card
        className="c4"
        title={t("col.share")}
        actions={<PictureButton panel="compare-share" {...picture} />}
      >
        <Donut
          total={total}
          slices={sorted.map(({ keyword, total: count }) => ({
            name: keyword,
            colour: colour(keyword),
            count,
          }))}
        />
      </Card>
      <Card
        className="c8"
        title={window === "30d" ? t("cmp.weeks") : t("cmp.total")}
        actions={
          <>
            <PictureButton panel="compare-parts" {...picture} />
            <CsvButton panel="compare-parts" table={barTable} />
          </>
        }
      >
        <WeekBars label={t("cmp.weeks")} groups={bars} />
      </Card>
      <SharedWords keywords={names} window={window} at={at} />
    </div>
  );
}
