import { lazy, memo, Suspense, useState } from "react";
import { IconButton } from "@/components/Button/Button";
import { Card } from "@/components/Card/Card";
import { CsvButton, type CsvTable } from "@/components/CsvButton/CsvButton";
import { Failed } from "@/components/Empty/Empty";
import { PictureButton } from "@/components/PictureButton/PictureButton";
import { RankList } from "@/components/RankList/RankList";
import { Segmented } from "@/components/Segmented/Segmented";
import { Skeleton } from "@/components/Skeleton/Skeleton";
import { Tabs } from "@/components/Tabs/Tabs";
import { loadAgain } from "@/data/late";
import { useMoment } from "@/data/live/context";
import type { RankingBy, RankingOrder, TopItem, Window } from "@/data/types";
import { useRanking, useRelated } from "@/hooks/topics";
import { useT } from "@/i18n/I18n";

const RelatedMap = lazy(() =>
  loadAgain(() =>
    import("@/components/RelatedMap/RelatedMap").then((module) => ({ default: module.RelatedMap })),
  ),
);
const RelatedList = lazy(() =>
  loadAgain(() =>
    import("@/components/RelatedMap/RelatedMap").then((module) => ({ default: module.RelatedList })),
  ),
);

const FullMap = lazy(() => loadAgain(() => import("./FullMap")));

const SHOWN = 14;
/** The height of a whole list, kept free while it loads; the placeholder has a padding of its own. */
const LIST_PX = SHOWN * 34 + 14 - 20;

const WORDS = ["word", "hashtag", "mention"] as const;
type Words = (typeof WORDS)[number];
const SIGNS: Record<Words, string> = { word: "", hashtag: "#", mention: "@" };
export const wordsOf = (value: string | undefined): Words => WORDS.find((each) => each === value) ?? "word";

interface Props {
  keyword: string;
  colour: string;
  window: Window;
  at: string | undefined;
  onWord: (word: string) => void;
}

/** What comes up: words, hashtags, mentions; the most frequent or the newly risen. */
export const RankingPanel = memo(function RankingPanel({
  keyword,
  colour,
  window,
  at,
  by,
  onBy,
  onWord,
}: Props & { by: Words; onBy: (by: Words) => void }) {
  const t = useT();
  const [order, setOrder] = useState<RankingOrder>("top");
  const { data, error, retry } = useRanking(keyword, by as RankingBy, window, 20, order, at);
  const items = rows(data?.items ?? []);
  const tabs = [
    { value: "word", label: t("k.words") },
    { value: "hashtag", label: t("k.hashtags") },
    { value: "mention", label: t("k.mentions") },
  ] as const;
  const table = (): CsvTable => [
    [t("col.rank"), t("col.word"), t("col.count"), t("col.change")],
    items.map(({ rank, key, count, change }) => [rank, key, count, change]),
  ];
  return (
    <Card
      headless
      flush
      title={order === "top" ? t("k.ranking") : t("k.rising")}
      actions={
        <>
          <IconButton
            icon="up"
            label={t("k.rising")}
            aria-pressed={order === "rising"}
            className={order === "rising" ? "on" : ""}
            onClick={() => setOrder(order === "top" ? "rising" : "top")}
          />
          <CsvButton panel={by} keyword={keyword} table={table} />
        </>
      }
    >
      <Tabs label={t("k.ranking")} value={by} tabs={tabs} onChange={onBy}>
        {error ? (
          <Failed detail={error} onRetry={retry} />
        ) : data ? (
          <RankList
            items={items.slice(0, SHOWN)}
            colour={colour}
            prefix={SIGNS[by]}
            label={t("k.ranking")}
            onChoose={onWord}
          />
        ) : (
          <Skeleton height={LIST_PX} />
        )}
      </Tabs>
      {window === "30d" ? <p className="t3 k-note">{t("k.utcdays")}</p> : null}
    </Card>
  );
});

type Item = TopItem | { rank: number; key: string; count: number; previous_count: number };

/** Rising entries have no rank before; they are shown as new when they did not occur. */
function rows(items: readonly Item[]): TopItem[] {
  return items.map((item) =>
    "previous_rank" in item
      ? item
      : {
          rank: item.rank,
          key: item.key,
          count: item.count,
          previous_rank: null,
          change: item.previous_count === 0 ? null : 0,
        },
  );
}

/** The words that belong to the keyword, as a map or as a list. */
export const MapPanel = memo(function MapPanel({
  keyword,
  colour,
  window,
  at,
  list,
  onList,
  onWord,
}: Props & { list: boolean; onList: (list: boolean) => void }) {
  const t = useT();
  const [full, setFull] = useState(false);
  const moment = useMoment(at);
  const { data, error, retry } = useRelated(keyword, window, at);
  const table = (): CsvTable => [
    [t("col.rank"), t("col.word"), t("col.count"), t("col.score")],
    data?.nodes.map(({ rank, word, count, g2 }) => [rank, word, count, g2]) ?? [],
  ];
  const options = [
    { value: "map", label: t("k.map.asMap") },
    { value: "list", label: t("k.map.asList") },
  ] as const;
  return (
    <Card
      headless
      flush
      title={t("k.map")}
      actions={
        <>
          <Segmented
            small
            label={t("k.map")}
            value={list ? "list" : "map"}
            options={options}
            onChange={(value) => onList(value === "list")}
          />
          {list ? null : (
            <PictureButton
              panel="map"
              keyword={keyword}
              subject={keyword}
              win={t(`win.${window}`)}
              moment={moment}
            />
          )}
          <CsvButton panel="related" keyword={keyword} table={table} />
          <IconButton icon="full" label={t("k.map.full")} onClick={() => setFull(true)} />
        </>
      }
      footer={
        list ? null : (
          <div className="k-help t3">
            <span>{t("k.map.help")}</span>
            <span className="row">
              <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
                <circle cx="7" cy="7" r="5.5" fill="none" stroke="var(--rise)" strokeWidth="1.75" />
              </svg>
              {t("k.rising")}
            </span>
          </div>
        )
      }
    >
      {full ? (
        <Suspense>
          <FullMap {...{ keyword, colour, window, at, onWord }} onClose={() => setFull(false)} />
        </Suspense>
      ) : null}
      <Suspense fallback={<Skeleton height={392} />}>
        {error ? (
          <Failed detail={error} onRetry={retry} />
        ) : !data ? (
          <Skeleton height={392} />
        ) : list ? (
          <RelatedList related={data} onWord={onWord} />
        ) : (
          <RelatedMap related={data} colour={colour} onWord={onWord} />
        )}
      </Suspense>
    </Card>
  );
});
