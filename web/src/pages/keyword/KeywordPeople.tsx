import { memo } from "react";
import { Card } from "@/components/Card/Card";
import { Empty } from "@/components/Empty/Empty";
import { RankList } from "@/components/RankList/RankList";
import { Skeleton } from "@/components/Skeleton/Skeleton";
import { Tweet } from "@/components/Tweet/Tweet";
import type { TopItem, Window } from "@/data/types";
import { exact } from "@/format/numbers";
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

/** The tweets with the most reactions, and who writes most. */
export const KeywordPeople = memo(function KeywordPeople({ keyword, colour, window, at, onAuthor }: Props) {
  const t = useT();
  const tweets = useRanking(keyword, "tweet", window, 10, "top", at).data;
  const authors = useRanking(keyword, "author", window, 10, "top", at).data;
  const popular = tweets?.items
    .flatMap((item) => ("tweet" in item && item.tweet ? [item.tweet] : []))
    .slice(0, POPULAR);
  return (
    <>
      <Card flush title={t("k.popular")} sub={t("k.byreactions")}>
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
