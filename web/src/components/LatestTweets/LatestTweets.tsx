import { useEffect, useRef, useState } from "react";
import type { TweetOfKeyword } from "@/data/types";
import { useT } from "@/i18n/I18n";
import { IconButton } from "../Button/Button";
import { Card } from "../Card/Card";
import { Empty } from "../Empty/Empty";
import { SmallTweet } from "../Tweet/Tweet";

const keyOf = (tweet: TweetOfKeyword) => `${tweet.keyword}\u0000${tweet.id}`;

/** More new tweets than this at once come without a tint. */
const TINTED = 5;

/** The newest tweets of all keywords. Pause holds the list still. */
export function LatestTweets({
  tweets,
  className,
}: {
  tweets: readonly TweetOfKeyword[];
  className?: string;
}) {
  const t = useT();
  const [paused, setPaused] = useState<readonly TweetOfKeyword[] | null>(null);
  const shown = paused ?? tweets;
  const seen = useRef<ReadonlySet<string> | null>(null);
  const fresh = seen.current === null ? [] : shown.filter((tweet) => !seen.current?.has(keyOf(tweet)));
  const tinted = fresh.length <= TINTED ? new Set(fresh.map(keyOf)) : new Set();
  useEffect(() => {
    seen.current = new Set(shown.map(keyOf));
  }, [shown]);
  return (
    <Card
      flush
      className={className ?? ""}
      title={t("ov.latest")}
      actions={
        <IconButton
          icon={paused ? "play" : "pause"}
          label={t(paused ? "feed.resume" : "feed.pause")}
          onClick={() => setPaused(paused ? null : tweets)}
        />
      }
    >
      {shown.length === 0 ? <Empty title={t("feed.empty")} /> : null}
      {shown.map((tweet) => (
        <SmallTweet
          key={keyOf(tweet)}
          tweet={tweet}
          keyword={tweet.keyword}
          fresh={tinted.has(keyOf(tweet))}
        />
      ))}
    </Card>
  );
}
