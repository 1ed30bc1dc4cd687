import { type ReactNode, type Ref, useCallback, useEffect, useRef, useState } from "react";
import { type Components, type ListProps, Virtuoso, type VirtuosoHandle } from "react-virtuoso";
import type { Tweet as TweetData } from "@/data/types";
import { useMedia } from "@/hooks/useMedia";
import { useShortcut } from "@/hooks/useShortcut";
import { useT } from "@/i18n/I18n";
import { Button } from "../Button/Button";
import { Empty, Failed } from "../Empty/Empty";
import { Icon } from "../Icon/Icon";
import { LiveDot } from "../LiveDot/LiveDot";
import { Skeleton } from "../Skeleton/Skeleton";
import { Tweet } from "../Tweet/Tweet";
import "./Feed.css";
import { type Held, split } from "./held";

const MAX_SHOWN = 999;
/** More new tweets than this in one draw come without a tint. */
const TINTED = 5;
const TOP_PX = 40;

export interface FeedProps {
  tweets: readonly TweetData[] | undefined;
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
  onRetry?: (() => void) | undefined;
}

function End({ context }: { context?: { text: string } }) {
  return <p className="feed-end">{context?.text}</p>;
}
/** The rows stand in an element with the role of a feed; the scrolling boxes around it have none. */
const List: Components<TweetData, { text: string; label: string }>["List"] = ({
  ref,
  context,
  ...rest
}: ListProps & { ref?: Ref<HTMLDivElement>; context?: { text: string; label: string } }) => (
  <div {...rest} ref={ref ?? null} role="feed" aria-label={context?.label} />
);

const PARTS = { Footer: End, List };

/** The tweets of a keyword, newest first. It never moves under the reader: what is new waits behind a pill. */
export function Feed(props: FeedProps) {
  const {
    tweets,
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
    onRetry,
  } = props;
  const t = useT();
  const wide = useMedia("(min-width: 1200px)");
  const list = useRef<VirtuosoHandle>(null);
  const [paused, setPaused] = useState(false);
  const [held, setHeld] = useState<Held>(undefined);
  const { shown, waiting } = split(tweets ?? [], held);
  const newest = shown[0];
  const seen = useRef<{ keyword: string; ids: ReadonlySet<string> } | null>(null);
  const before = seen.current?.keyword === keyword ? seen.current.ids : null;
  const fresh = before === null ? [] : shown.slice(0, TINTED + 1).filter(({ id }) => !before.has(id));
  const tinted = new Set(fresh.length <= TINTED ? fresh.map(({ id }) => id) : []);
  useEffect(() => {
    seen.current = { keyword, ids: new Set(shown.slice(0, 200).map(({ id }) => id)) };
  }, [shown, keyword]);

  const hold = useCallback(
    () => setHeld((now) => now ?? (newest && { at: newest.at, id: newest.id })),
    [newest],
  );
  const showNew = () => {
    setHeld(undefined);
    setPaused(false);
    if (wide) list.current?.scrollToIndex(0);
    else list.current?.scrollToIndex({ index: 0, align: "start", offset: -160 });
  };
  const toggle = () => {
    if (paused) {
      setPaused(false);
      setHeld(undefined);
    } else {
      setPaused(true);
      hold();
    }
  };
  const top = (atTop: boolean) => {
    if (!atTop) hold();
    else if (!paused) setHeld(undefined);
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

  const count = waiting > MAX_SHOWN ? `${MAX_SHOWN}+` : String(waiting);
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
      <div className="feed-l" aria-busy={tweets === undefined}>
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
        ) : shown.length === 0 ? (
          <Empty title={emptyText ?? t("feed.empty")} />
        ) : (
          <Virtuoso
            ref={list}
            key={wide ? "own" : "window"}
            data={shown as TweetData[]}
            useWindowScroll={!wide}
            computeItemKey={(_, tweet) => tweet.id}
            atTopThreshold={TOP_PX}
            atTopStateChange={top}
            endReached={onOlder}
            increaseViewportBy={600}
            itemContent={(index, tweet) => (
              <Tweet
                tweet={tweet}
                keyword={keyword}
                colour={colour}
                fresh={tinted.has(tweet.id)}
                position={index + 1}
                onAuthor={onAuthor}
              />
            )}
            components={PARTS}
            context={{ text: end ?? t("feed.older"), label: t("feed.title") }}
          />
        )}
      </div>
      <span className="sr" role="status">
        {waiting > 0 ? t("feed.new", { n: count }) : ""}
      </span>
    </section>
  );
}
