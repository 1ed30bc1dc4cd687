import { IconButton } from "@/components/Button/Button";
import { Chip } from "@/components/Chip/Chip";
import { Field } from "@/components/Field/Field";
import { Popover } from "@/components/Popover/Popover";
import { Segmented } from "@/components/Segmented/Segmented";
import { stretchText } from "@/components/VolumeChart/bucket";
import type { Step } from "@/data/types";
import { exact } from "@/format/numbers";
import { useLanguage, useT } from "@/i18n/I18n";
import type { Stretch } from "./range";
import type { FeedFilter } from "./useFeed";

interface Props {
  filter: FeedFilter;
  onChange: (changes: Partial<Record<"lang" | "author" | "q", string | undefined>>) => void;
}

/** Filters of the feed. They stand in the address, so that the view can be shared. */
export function FilterControl({ filter, onChange }: Props) {
  const t = useT();
  const active = [filter.lang, filter.author, filter.q].filter(Boolean).length;
  const label = active > 0 ? t("filter.on", { n: active }) : t("filter");
  return (
    <Popover
      label={t("filter")}
      width={300}
      trigger={<IconButton icon="filter" label={label} className={active > 0 ? "on" : ""} />}
    >
      <form
        className="pop-b"
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          const read = (name: string) => String(form.get(name) ?? "").trim() || undefined;
          onChange({ q: read("q"), author: read("author") });
        }}
      >
        <Field label={t("filter.text")} name="q" defaultValue={filter.q ?? ""} />
        <Field label={t("filter.author")} name="author" defaultValue={filter.author ?? ""} />
        <div className="field">
          <span className="b">{t("filter.lang")}</span>
          <Segmented
            small
            label={t("filter.lang")}
            value={filter.lang ?? "all"}
            options={[
              { value: "all", label: t("lang.all") },
              { value: "ko", label: t("lang.ko") },
              { value: "en", label: t("lang.en") },
            ]}
            onChange={(lang) => onChange({ lang: lang === "all" ? undefined : lang })}
          />
        </div>
        <p className="t3 k-small">{t("filter.scope")}</p>
        <div className="row">
          <button type="submit" className="btn sm pri">
            {t("range.apply")}
          </button>
          <button
            type="button"
            className="btn sm ghost"
            onClick={() => onChange({ lang: undefined, author: undefined, q: undefined })}
          >
            {t("filter.clear")}
          </button>
        </div>
      </form>
    </Popover>
  );
}

/** What restricts the feed at present, each part with a way to end it. */
export function FeedBanner({
  filter,
  stretch,
  step,
  count,
  hidden,
  onShow,
  onChange,
  onLive,
}: Props & {
  stretch: Stretch | undefined;
  step: Step;
  count: number | undefined;
  /** Authors whose tweets are left out. */
  hidden: readonly string[];
  onShow: (handle: string) => void;
  onLive: () => void;
}) {
  const t = useT();
  const language = useLanguage();
  const time = stretch ? stretchText(stretch.from, stretch.to, step, language) : "";
  const chips = [
    ["q", filter.q && t("feed.words", { word: filter.q })],
    ["author", filter.author && t("feed.author", { handle: filter.author })],
    ["lang", filter.lang],
  ] as const;
  if (!stretch && hidden.length === 0 && chips.every(([, text]) => !text)) return null;
  return (
    <div className="feed-banner">
      {stretch ? (
        <>
          <span className="grow">
            {count === undefined ? t("feed.stretch", { time }) : t("feed.bucket", { time, n: exact(count) })}
          </span>
          <button type="button" className="btn sm" onClick={onLive}>
            {t("feed.backlive")}
          </button>
        </>
      ) : null}
      {chips.map(([name, text]) =>
        text ? (
          <Chip
            key={name}
            onRemove={() => onChange({ [name]: undefined })}
            removeLabel={`${t("filter.clear")}: ${text}`}
          >
            <span className="ell">{text}</span>
          </Chip>
        ) : null,
      )}
      {hidden.map((handle) => (
        <Chip
          key={handle}
          onRemove={() => onShow(handle)}
          removeLabel={`${t("filter.clear")}: ${t("feed.hidden", { handle })}`}
        >
          <span className="ell">{t("feed.hidden", { handle })}</span>
        </Chip>
      ))}
    </div>
  );
}
