import { useCallback, useEffect, useMemo, useState } from "react";
import { useParams } from "react-router";
import { PageBar, WindowControl } from "@/app/PageBar";
import { PageBody } from "@/app/PageBody";
import { Button } from "@/components/Button/Button";
import { useColour } from "@/components/Dot/Dot";
import { Empty } from "@/components/Empty/Empty";
import { Feed } from "@/components/Feed/Feed";
import { Tabs } from "@/components/Tabs/Tabs";
import { useLiveView } from "@/data/live/context";
import { normalForm } from "@/data/token";
import { type Point, type Step, WINDOW_MS, type Window } from "@/data/types";
import { isOngoing, timesUsual } from "@/format/headline";
import { exact, multiple } from "@/format/numbers";
import { shortDay } from "@/format/time";
import { useLedger, useOverview, useSpikes, useVolume } from "@/hooks/topics";
import { useCalm } from "@/hooks/useCalm";
import { useMedia } from "@/hooks/useMedia";
import { useTrack } from "@/hooks/useTrack";
import { timeParameter, useUrl, useWindow } from "@/hooks/useUrl";
import { useLanguage, useT } from "@/i18n/I18n";
import { FeedBanner, FilterControl } from "./FeedFilters";
import { KeywordChart } from "./KeywordChart";
import { KeywordFigures, KeywordHead } from "./KeywordHead";
import { KeywordPeople } from "./KeywordPeople";
import { MapPanel, RankingPanel, wordsOf } from "./KeywordWords";
import { RangeControl } from "./RangeControl";
import { isBucket, readStretch, STEPS, type Stretch } from "./range";
import { type FeedFilter, isFiltered, useFeed } from "./useFeed";
import { useKeywordChart, useUsual } from "./useKeywordChart";
import "./keyword.css";

export default function KeywordPage() {
  const { token = "" } = useParams();
  return <Keyword key={token} name={token} />;
}

function Keyword({ name }: { name: string }) {
  const t = useT();
  // The address may have another spelling; the server names the keyword in normal form.
  const keyword = normalForm(name);
  const overview = useOverview("24h").data;
  const ledger = useLedger(keyword);
  const track = useTrack();
  if (ledger.unknown) {
    return (
      <>
        <PageBar title={keyword} heading={<h1>{keyword}</h1>} panels={[]} />
        <PageBody>
          <Empty icon="search" title={t("err.404")}>
            <span>{t("err.404.body")}</span>
            <Button
              kind="primary"
              icon="plus"
              disabled={track.isPending}
              onClick={() => track.mutate(name, { onSuccess: () => location.reload() })}
            >
              {t("kw.add")}
            </Button>
          </Empty>
        </PageBody>
      </>
    );
  }
  const rank = overview?.keywords.find((row) => row.keyword === keyword);
  return <Content keyword={keyword} ledger={ledger} rank={rank} ranked={overview?.keywords.length ?? 0} />;
}

/** The large figures change at most this often. */
const FIGURES_MS = 1_000;
const NO_POINTS: readonly Point[] = [];

/** The line moves with each answer; large figures can be read only when they stay for a second. */
function useFigures(
  { points, total, before, step, zoom }: ReturnType<typeof useKeywordChart>,
  window: Window,
) {
  const loaded = `${points !== undefined} ${before !== undefined}`;
  return useCalm(
    useMemo(() => ({ points, total, before }), [points, total, before]),
    FIGURES_MS,
    `${window} ${step} ${zoom?.from} ${zoom?.to} ${loaded}`,
  );
}

const iso = (time: number) => new Date(time).toISOString();

function Content({
  keyword,
  ledger,
  rank,
  ranked,
}: {
  keyword: string;
  ledger: ReturnType<typeof useLedger>;
  rank: Parameters<typeof KeywordFigures>[0]["rank"];
  ranked: number;
}) {
  const t = useT();
  const language = useLanguage();
  const colour = useColour(keyword);
  const { params, get, set, replaceAll } = useUrl();
  const [window, setWindow] = useWindow("7d");
  const at = timeParameter(get("at"));
  const step = STEPS[window].find((each) => each === get("step")) ?? STEPS[window][0] ?? "hour";
  const stretch = readStretch(timeParameter(get("from")), timeParameter(get("to")));
  const wide = useMedia("(min-width: 1200px)");
  const phone = useMedia("(max-width: 767px)");
  const [tab, setTab] = useState<"feed" | "rank" | "map" | "pop">("feed");

  const chart = useKeywordChart(keyword, window, step, stretch, at);
  const figures = useFigures(chart, window);
  const hourly = useVolume(keyword, "hour", undefined, "+00:00", at);
  const rate = useCalm(hourly.data?.points.at(-1)?.count, FIGURES_MS);
  const usual = useUsual(keyword);
  const spikes = useSpikes(keyword, at);
  const ongoing = spikes.data?.spikes.find((spike) => isOngoing(spike, at ?? new Date().toISOString()));
  // What is below the chart comes after the strip of the spike, which would push it down. From then on it stays: the
  // chart is empty for a moment with each change of its channel, and what stands below has a state to lose.
  const [below, setBelow] = useState(false);
  const strip =
    (spikes.data !== undefined || spikes.error !== undefined) &&
    (chart.points !== undefined || chart.error !== undefined);
  if (strip && !below) setBelow(true);
  const connection = useLiveView((view) => view.connection.state);

  const filter: FeedFilter = {
    lang: get("lang"),
    author: get("author"),
    q: get("q"),
    from: stretch && iso(stretch.from),
    to: stretch ? iso(stretch.to) : at,
  };
  const hidden = params.getAll("hide");
  const feed = useFeed(keyword, filter, hidden);
  const setStretch = useCallback(
    (next: Stretch | undefined) => set({ from: next && iso(next.from), to: next && iso(next.to) }),
    [set],
  );
  const onWord = useCallback((word: string) => set({ q: word }), [set]);
  const onBy = useCallback((by: string) => set({ by: by === "word" ? undefined : by }, true), [set]);
  const onList = useCallback((list: boolean) => set({ map: list ? "list" : undefined }, true), [set]);
  const onAuthor = useCallback((author: string) => set({ author }), [set]);
  const hiddenKey = hidden.join("\n");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the joined names stand for the list.
  const onHide = useCallback(
    (handle: string) => replaceAll("hide", [...new Set([...hidden, handle])]),
    [replaceAll, hiddenKey],
  );
  const bucketCount =
    stretch && chart.points && isBucket(stretch, chart.step)
      ? chart.points.find((point) => Date.parse(point.at) === stretch.from)?.count
      : undefined;
  const oldest = feed.tweets?.at(-1);

  const bucket = stretch?.from;
  useEffect(() => {
    if (bucket !== undefined) setTab("feed");
  }, [bucket]);

  const feedElement = (
    <Feed
      key={JSON.stringify(filter)}
      tweets={feed.tweets}
      gone={feed.gone}
      keyword={keyword}
      colour={colour}
      rate={rate === undefined ? undefined : t("k.perhour", { n: exact(rate) })}
      banner={
        <FeedBanner
          filter={filter}
          stretch={stretch}
          step={chart.step}
          count={bucketCount}
          hidden={hidden}
          onShow={(handle) =>
            replaceAll(
              "hide",
              hidden.filter((each) => each !== handle),
            )
          }
          onChange={set}
          onLive={() => setStretch(undefined)}
        />
      }
      filter={<FilterControl filter={filter} onChange={set} />}
      live={filter.to === undefined}
      stale={connection === "lost"}
      error={feed.error}
      emptyText={isFiltered(filter) ? t("filter.none") : undefined}
      end={
        feed.atEnd && oldest ? t("feed.end", { date: shortDay(Date.parse(oldest.at), language) }) : undefined
      }
      onOlder={feed.older}
      onAuthor={onAuthor}
      onHide={onHide}
      onRetry={feed.retry}
    />
  );
  const shared = { keyword, colour, window, at };
  const ranking = <RankingPanel {...shared} by={wordsOf(get("by"))} onBy={onBy} onWord={onWord} />;
  const map = <MapPanel {...shared} list={get("map") === "list"} onList={onList} onWord={onWord} />;
  const people = <KeywordPeople {...shared} onAuthor={onAuthor} />;
  const tabs = [
    { value: "feed", label: t("feed.title") },
    { value: "rank", label: t("k.ranking") },
    ...(phone ? [{ value: "map", label: t("k.map.asMap") } as const] : []),
    { value: "pop", label: t("k.popular") },
  ] as const;
  const panel = tab === "map" && !phone ? "rank" : tab;
  const unprinted = tabs.flatMap(({ value, label }) => (value === "feed" || value !== panel ? [label] : []));
  return (
    <div className="split">
      <div className="k-main">
        <PageBar
          title={ongoing ? t("k.title.spike", { x: multiple(timesUsual(ongoing)), keyword }) : keyword}
          heading={
            <>
              <span className="crumb hide-s">{t("nav.keywords")} / </span>
              <bdi>{keyword}</bdi>
            </>
          }
          at={at}
          controls={
            <>
              <WindowControl value={window} onChange={setWindow} />
              <RangeControl
                key={`${window} ${stretch?.from} ${stretch?.to}`}
                stretch={chart.zoom}
                shown={{ from: Date.now() - WINDOW_MS[window], to: Date.now() }}
                onStretch={setStretch}
              />
              {wide ? null : <FilterControl filter={filter} onChange={set} />}
            </>
          }
          panels={[
            { name: t("feed.title"), seq: ledger.seq, epoch: ledger.epoch },
            { name: t("k.volume"), seq: chart.data?.seq ?? 0, epoch: chart.data?.epoch },
            { name: t("spike"), seq: spikes.seq, epoch: spikes.epoch },
          ]}
        />
        <PageBody>
          <KeywordHead keyword={keyword} ledger={ledger.data} />
          <KeywordFigures
            window={window}
            zoomed={chart.zoom !== undefined}
            total={figures.total}
            before={figures.before}
            rate={rate}
            usual={usual}
            spiking={ongoing !== undefined}
            points={figures.points ?? NO_POINTS}
            step={chart.step}
            rank={rank}
            ranked={ranked}
          />
          <KeywordChart
            keyword={keyword}
            colour={colour}
            window={window}
            at={at}
            chart={chart}
            spikes={spikes.data?.spikes}
            stretch={stretch}
            onStep={(next: Step) => set({ step: next === STEPS[window][0] ? undefined : next })}
            onStretch={setStretch}
            onWord={onWord}
          />
          {!below ? null : wide ? (
            <>
              <section className="card rm">
                {ranking}
                {map}
              </section>
              <div className="pair">{people}</div>
            </>
          ) : (
            <Tabs className="mtabs" label={keyword} value={panel} tabs={tabs} onChange={setTab}>
              {panel === "feed" ? feedElement : null}
              {panel === "rank" ? (
                <section className="card rm">
                  {ranking}
                  {phone ? null : map}
                </section>
              ) : null}
              {panel === "map" ? <section className="card">{map}</section> : null}
              {panel === "pop" ? <div className="pair">{people}</div> : null}
              <p className="print-only t3">{t("print.left", { parts: unprinted.join(", ") })}</p>
            </Tabs>
          )}
        </PageBody>
      </div>
      {wide ? feedElement : null}
    </div>
  );
}
