import { type ReactNode, type Ref, useRef } from "react";
import { type Components, type ListProps, Virtuoso, type VirtuosoHandle } from "react-virtuoso";
import type { Place } from "@/data/topics/timeline";
import type { Tweet as TweetData } from "@/data/types";
import { exact } from "@/format/numbers";
import { useMedia } from "@/hooks/useMedia";
import { useShortcut } from "@/hooks/useShortcut";
import { useSpoken } from "@/hooks/useSpoken";
import { useT } from "@/i18n/I18n";
import { Button } from "../Button/Button";
import { Empty, Failed } from "../Empty/Empty";
import { Icon } from "../Icon/Icon";
import { LiveDot } from "../LiveDot/LiveDot";
import { Skeleton } from "../Skeleton/Skeleton";
import { GoneTweet, Tweet } from "../Tweet/Tweet";
import "./Feed.css";
import { isGone, type Row, useGone } from "./useGone";
import { useHold } from "./useHold";
import { useTint } from "./useTint";

const MAX_PILL = 999;
const MAX_PAUSED = 2_000;
/** The list has drawn its top again by then. */
const FOCUS_AFTER_MS = 60;
const TOP_PX = 40;
const FIRST_ROWS = 12;
/** Drawn above and below what is seen. */
const OVERSCAN_PX = { top: 200, bottom: 400 };

export interface FeedProps {
  tweets: readonly TweetData[] | undefined;
  /** Tweets that were deleted while the feed was shown. */
  gone?: readonly Place[] | undefined;
  keyword: string;
  colour: string;
  /** Beside the title: how fast tweets come. */
  rate?: string | undefined;
  /** What restricts the feed: a bucket, filters. */
  banner?: ReactNode;
  filter?: ReactNode;
  /** Whether new tweets come by themselves. */
  live: boolean;
  stale?: boolean;
  error?: string | undefined;
  emptyText?: string | undefined;
  /** Whether everything down to the first tweet is loaded; then what to say. */
  end?: string | undefined;
  onOlder: () => void;
  onAuthor: (handle: string) => void;
  onHide: (handle: string) => void;
  onRetry?: (() => void) | undefined;
}

function End({ context }: { context?: { text: string } }) {
  return <p className="feed-end">{context?.text}</p>;
}
/** The rows stand in an element with the role of a feed; the scrolling boxes around it have none. */
const List: Components<Row, { text: string; label: string }>["List"] = ({
  ref,
  context,
  ...rest
}: ListProps & { ref?: Ref<HTMLDivElement>; context?: { text: string; label: string } }) => (
  <div {...rest} ref={ref ?? null} role="feed" aria-label={context?.label} />
);

const PARTS = { Footer: End, List };
const NONE: readonly Place[] = [];
const NO_TWEETS: readonly TweetData[] = [];

/** The tweets of a keyword, newest first. It never moves under the reader: what is new waits behind a pill. */
export function Feed(props: FeedProps) {
  const {
    tweets,
    gone = NONE,
    keyword,
    colour,
    rate,
    banner,
    filter,
    live,
    stale = false,
    error,
    emptyText,
    end,
    onOlder,
    onAuthor,
    onHide,
    onRetry,
  } = props;
  const t = useT();
  const wide = useMedia("(min-width: 1200px)");
  const list = useRef<VirtuosoHandle>(null);
  const box = useRef<HTMLDivElement>(null);
  const hold = useHold(tweets ?? NO_TWEETS, box);
  const { shown, waiting, paused, toggle } = hold;
  const [rows, setDrawn] = useGone(shown, gone);
  const tinted = useTint(shown, keyword);
  const showNew = () => {
    // The pill goes; who pressed it by keyboard goes on at the first tweet.
    const byKey = document.activeElement?.matches(".newpill:focus-visible");
    hold.release();
    if (wide) list.current?.scrollToIndex(0);
    else list.current?.scrollToIndex({ index: 0, align: "start", offset: -160 });
    if (byKey) setTimeout(() => box.current?.querySelector<HTMLElement>(".tweet")?.focus(), FOCUS_AFTER_MS);
  };
  const step = (by: number) => {
    const articles = [...document.querySelectorAll<HTMLElement>(".feed-l .tweet")];
    const now = articles.indexOf(document.activeElement as HTMLElement);
    articles[Math.min(articles.length - 1, Math.max(0, now + by))]?.focus();
  };
  useShortcut(".", showNew);
  useShortcut("p", toggle);
  useShortcut("j", () => step(1));
  useShortcut("k", () => step(-1));

  const max = paused ? MAX_PAUSED : MAX_PILL;
  const count = waiting > max ? `${exact(max)}+` : exact(waiting);
  const spoken = useSpoken(waiting > 0 ? t("feed.new", { n: count }) : "");
  return (
    <section className={stale ? "feed stale" : "feed"} aria-label={t("feed.title")}>
      <header className="feed-h">
        <LiveDot kind={paused || !live ? "stale" : stale ? "wait" : "live"} />
        <h2>{t("feed.title")}</h2>
        {rate ? <span className="t3 feed-rate">{rate}</span> : null}
        <span className="grow" />
        {filter}
        {live ? (
          <Button size="s" icon={paused ? "play" : "pause"} onClick={toggle}>
            {t(paused ? "feed.resume" : "feed.pause")}
          </Button>
        ) : null}
      </header>
      {banner}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: it only notices where the focus is. */}
      <div
        className="feed-l"
        ref={box}
        aria-busy={tweets === undefined}
        onFocus={(event) => hold.onFocus(event.target)}
        onBlur={(event) => hold.onBlur(event.relatedTarget)}
      >
        {waiting > 0 && !paused ? (
          <button type="button" className="newpill" onClick={showNew}>
            <Icon name="up" size="s" />
            {t("feed.new", { n: count })}
          </button>
        ) : null}
        {paused && waiting > 0 ? <p className="feed-paused">{t("feed.pausedwith", { n: count })}</p> : null}
        {error && !tweets ? (
          <Failed detail={error} onRetry={onRetry} />
        ) : tweets === undefined ? (
          <div className="feed-load">
            <Skeleton lines={9} />
          </div>
        ) : rows.length === 0 ? (
          <Empty title={emptyText ?? t("feed.empty")} />
        ) : (
          <Virtuoso
            ref={list}
            key={wide ? "own" : "window"}
            data={rows as Row[]}
            // Drawn before anything is measured, so that the line at the end does not stand at the top first.
            initialItemCount={Math.min(rows.length, FIRST_ROWS)}
            useWindowScroll={!wide}
            computeItemKey={(_, row) => row.id}
            itemsRendered={(items) => setDrawn(items.flatMap(({ data }) => data?.id ?? []))}
            atTopThreshold={TOP_PX}
            atTopStateChange={hold.onTop}
            endReached={onOlder}
            increaseViewportBy={OVERSCAN_PX}
            itemContent={(index, row) =>
              isGone(row) ? (
                <GoneTweet id={row.id} position={index + 1} />
              ) : (
                <Tweet
                  tweet={row}
                  keyword={keyword}
                  colour={colour}
                  fresh={tinted.has(row.id)}
                  position={index + 1}
                  onAuthor={onAuthor}
                  onHide={onHide}
                />
              )
            }
            components={PARTS}
            context={{ text: end ?? t("feed.older"), label: t("feed.title") }}
          />
        )}
      </div>
      <span className="sr" role="status">
        {spoken}
      </span>
    </section>
  );
}
