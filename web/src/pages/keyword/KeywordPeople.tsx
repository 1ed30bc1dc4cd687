import { memo } from "react";
import { Card } from "@/components/Card/Card";
import { CsvButton, type CsvTable } from "@/components/CsvButton/CsvButton";
import { Empty } from "@/components/Empty/Empty";
import { RankList } from "@/components/RankList/RankList";
import { Skeleton } from "@/components/Skeleton/Skeleton";
import { Tweet } from "@/components/Tweet/Tweet";
import type { TopItem, Window } from "@/data/types";
import { exact } from "@/format/numbers";
import { isoLocal } from "@/format/time";
import { useRanking } from "@/hooks/topics";
import { useT } from "@/i18n/I18n";

interface Props {
  keyword: string;
  colour: string;
  window: Window;
  at: string | undefined;
  onAuthor: (handle: string) => void;
}

const POPULAR = 3;
const METRICS = ["likes", "reposts", "replies", "quotes"] as const;

/** The tweets with the most reactions, and who writes most. */
export const KeywordPeople = memo(function KeywordPeople({ keyword, colour, window, at, onAuthor }: Props) {
  const t = useT();
  const tweets = useRanking(keyword, "tweet", window, 10, "top", at).data;
  const authors = useRanking(keyword, "author", window, 10, "top", at).data;
  const liked = tweets?.items.flatMap((item) => ("tweet" in item && item.tweet ? [item.tweet] : []));
  const popular = liked?.slice(0, POPULAR);
  const tweetTable = (): CsvTable => [
    [t("chart.time"), t("filter.author"), t("col.text"), ...METRICS.map((name) => t(`m.${name}`))],
    (liked ?? []).map(({ at: time, author, text, metrics }) => [
      isoLocal(Date.parse(time)),
      author.handle,
      text,
      ...METRICS.map((name) => metrics[name]),
    ]),
  ];
  const authorTable = (): CsvTable => [
    [t("col.rank"), t("filter.author"), t("col.tweets"), t("col.change")],
    ((authors?.items ?? []) as TopItem[]).map(({ rank, key, count, change }) => [rank, key, count, change]),
  ];
  return (
    <>
      <Card
        flush
        title={t("k.popular")}
        sub={t("k.byreactions")}
        actions={<CsvButton panel="popular" keyword={keyword} table={tweetTable} />}
      >
        {popular === undefined ? <Skeleton lines={9} /> : null}
        {popular?.length === 0 ? <Empty title={t("k.notweets")} /> : null}
        {popular?.map((tweet) => (
          <Tweet key={tweet.id} tweet={tweet} keyword={keyword} colour={colour} onAuthor={onAuthor} />
        ))}
      </Card>
      <Card
        flush
        title={t("k.topauthors")}
        sub={authors ? <span className="n">{exact(authors.distinct)}</span> : null}
        actions={<CsvButton panel="authors" keyword={keyword} table={authorTable} />}
      >
        {authors ? (
          <RankList
            items={authors.items as TopItem[]}
            colour={colour}
            bars={false}
            label={t("k.topauthors")}
            onChoose={onAuthor}
          />
        ) : (
          <Skeleton lines={9} />
        )}
      </Card>
    </>
  );
});
