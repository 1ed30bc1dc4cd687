import { memo, type ReactNode, useState } from "react";
import { Link } from "react-router";
import { keywordPath } from "@/data/token";
import type { Tweet as TweetData } from "@/data/types";
import { exact } from "@/format/numbers";
import { useT } from "@/i18n/I18n";
import { IconButton } from "../Button/Button";
import { Dot } from "../Dot/Dot";
import { Icon } from "../Icon/Icon";
import { RelativeTime } from "../RelativeTime/RelativeTime";
import { highlight } from "./highlight";
import "./Tweet.css";

const METRICS = ["likes", "reposts", "replies", "quotes"] as const;
/** Longer texts are folded to six lines. */
const LONG = 280;

/** Only web addresses are opened; anything else in the field stays text. */
const isWebAddress = (url: string | undefined): url is string => /^https?:\/\//i.test(url ?? "");

interface Props {
  tweet: TweetData;
  /** Marked in the text. */
  keyword: string;
  colour: string;
  fresh?: boolean;
  position?: number;
  onAuthor?: (handle: string) => void;
  onHide?: (handle: string) => void;
}

function Text({ tweet, keyword, clamp }: { tweet: TweetData; keyword: string; clamp: boolean }) {
  return (
    <p className={clamp ? "x clamp" : "x"} lang={tweet.lang ?? "ko"} dir="auto">
      {highlight(tweet.text, keyword).map(({ text, hit }, index) =>
        hit ? <mark key={index}>{text}</mark> : text,
      )}
    </p>
  );
}

/** A tweet in the feed. Its text is shown as text, whatever is in it. */
export const Tweet = memo(function Tweet({
  tweet,
  keyword,
  colour,
  fresh = false,
  position,
  onAuthor,
  onHide,
}: Props) {
  const t = useT();
  const [open, setOpen] = useState(false);
  // In a burst hundreds of rows come a second; what stands in a row only under the pointer is made there.
  const [near, setNear] = useState(false);
  const long = tweet.text.length > LONG || tweet.text.split("\n").length > 6;
  const handle = tweet.author.handle;
  return (
    <article
      className={fresh ? "tweet fresh" : "tweet"}
      style={{ "--c": colour }}
      tabIndex={0}
      aria-posinset={position}
      data-id={tweet.id}
      onPointerEnter={() => setNear(true)}
      onFocus={() => setNear(true)}
    >
      <div className="h">
        {onAuthor ? (
          <button
            type="button"
            className="author"
            title={t("feed.onlyauthor")}
            onClick={() => onAuthor(handle)}
          >
            <b className="ell" title={handle}>
              {handle}
            </b>
          </button>
        ) : (
          <b className="ell" title={handle}>
            {handle}
          </b>
        )}
        <RelativeTime at={tweet.at} />
      </div>
      <Text tweet={tweet} keyword={keyword} clamp={long && !open} />
      {long ? (
        <button type="button" className="link more" onClick={() => setOpen(!open)}>
          {t(open ? "feed.less" : "feed.more")}
        </button>
      ) : null}
      <Metrics tweet={tweet} />
      {near ? <Actions tweet={tweet} onHide={onHide} /> : null}
    </article>
  );
});

/** What can be done with a tweet. */
function Actions({ tweet, onHide }: { tweet: TweetData; onHide: ((handle: string) => void) | undefined }) {
  const t = useT();
  return (
    <div className="acts">
      <IconButton
        icon="copy"
        label={t("feed.copy")}
        onClick={() => void navigator.clipboard?.writeText(tweet.text)}
      />
      {onHide ? (
        <IconButton icon="mute" label={t("feed.mute")} onClick={() => onHide(tweet.author.handle)} />
      ) : null}
      {isWebAddress(tweet.url) ? (
        <a
          className="btn ghost sm icon"
          href={tweet.url}
          target="_blank"
          rel="noreferrer noopener"
          aria-label={t("feed.open")}
          title={t("feed.open")}
        >
          <Icon name="open" size="s" />
        </a>
      ) : null}
    </div>
  );
}

/** The place of a tweet that was deleted while it was shown. */
export function GoneTweet({ id, position }: { id: string; position: number }) {
  const t = useT();
  return (
    <article className="tweet gone" tabIndex={0} aria-posinset={position} data-id={id}>
      <p className="t3">{t("feed.gone")}</p>
    </article>
  );
}

function Metrics({ tweet }: { tweet: TweetData }) {
  const t = useT();
  const shown: ReactNode[] = METRICS.filter((name) => tweet.metrics[name] > 0).map((name) => (
    <span key={name} title={t(`m.${name}`)}>
      <Icon name={name} size="s" />
      <span className="sr">{t(`m.${name}`)}</span>
      {exact(tweet.metrics[name])}
    </span>
  ));
  return shown.length > 0 ? <div className="m">{shown}</div> : null;
}

/** A tweet in a small panel, with the keyword that it belongs to. */
export const SmallTweet = memo(function SmallTweet({
  tweet,
  keyword,
  fresh = false,
}: {
  tweet: TweetData;
  keyword?: string;
  fresh?: boolean;
}) {
  return (
    <article className={fresh ? "tweet sm fresh" : "tweet sm"}>
      <div className="h">
        {keyword === undefined ? null : (
          <>
            <Dot keyword={keyword} />
            <Link className="b ell tweet-k" to={keywordPath(keyword)} title={keyword}>
              {keyword}
            </Link>
          </>
        )}
        <b className="ell" title={tweet.author.handle}>
          {tweet.author.handle}
        </b>
        <RelativeTime at={tweet.at} />
      </div>
      <Text tweet={tweet} keyword="" clamp={false} />
    </article>
  );
});
