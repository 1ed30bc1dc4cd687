import { useMemo, useState } from "react";
import { Badge } from "@/components/Badge/Badge";
import { Button } from "@/components/Button/Button";
import { Chip } from "@/components/Chip/Chip";
import { CodeBlock } from "@/components/CodeBlock/CodeBlock";
import { Dot } from "@/components/Dot/Dot";
import { Field } from "@/components/Field/Field";
import { LiveDot } from "@/components/LiveDot/LiveDot";
import { Segmented } from "@/components/Segmented/Segmented";
import type { Overview } from "@/data/types";
import { trackError, useTrack } from "@/hooks/useTrack";
import { useLanguage, useT } from "@/i18n/I18n";
import { command, type Way } from "./commands";
import "@/components/Card/Card.css";
import "@/components/Headline/Headline.css";
import "@/components/Tweet/Tweet.css";
import "@/i18n/first";
import "./first-run.css";

const SUGGESTED = ["아이폰", "배우", "us airways", "ai"];
/** The shape of a line that is still to come. */
const GHOST =
  "M0 62C14 84 22 92 34 92C48 92 56 66 70 62C84 58 92 74 106 68C122 60 128 22 144 18C158 16 164 78 178 86C194 94 204 58 220 56C236 54 244 84 258 80C274 74 282 30 296 26C310 22 318 82 334 88C350 92 360 48 376 44C388 42 394 56 400 54";

function Step({
  number,
  title,
  done,
  children,
}: {
  number: number;
  title: string;
  done: boolean;
  children: React.ReactNode;
}) {
  return (
    <section className="card first-step">
      <div className="first-h">
        <span className={done ? "first-n done" : "first-n"} aria-hidden="true">
          {number}
        </span>
        <h2>{title}</h2>
      </div>
      {children}
    </section>
  );
}

/** Shown while no tweet has come: what to do, with commands that work when pasted. */
export default function FirstRun({ overview }: { overview: Overview }) {
  const t = useT();
  const language = useLanguage();
  const track = useTrack();
  const [way, setWay] = useState<Way>("cli");
  const keywords = overview.keywords.map(({ keyword }) => keyword);
  const keyword = keywords[0] ?? SUGGESTED[0] ?? "ai";
  const text = useMemo(
    () => command(way, { origin: location.origin, keyword, language, now: new Date() }),
    [way, keyword, language],
  );
  const ways = [
    { value: "cli", label: t("first.tab.cli") },
    { value: "http", label: "HTTP" },
    { value: "nats", label: "NATS" },
  ] as const;
  return (
    <div className="first">
      <div className="headline first-head">
        <p>{t("first.title")}</p>
        <p>{t("first.body")}</p>
      </div>
      <div className="cols">
        <div className="c7 stackv">
          <Step number={1} title={t("first.s1")} done={keywords.length > 0}>
            <form
              className="first-form"
              onSubmit={(event) => {
                event.preventDefault();
                const form = event.currentTarget;
                const wanted = String(new FormData(form).get("keyword") ?? "").trim();
                if (wanted) track.mutate(wanted, { onSuccess: () => form.reset() });
              }}
            >
              <Field
                hideLabel
                icon="search"
                name="keyword"
                label={t("first.s1")}
                placeholder={t("kw.add.placeholder")}
                hint={t("kw.add.hint")}
                error={track.isError ? t(trackError(track.error)) : undefined}
              />
              <Button type="submit" kind="primary" size="l" disabled={track.isPending}>
                {t("kw.add")}
              </Button>
            </form>
            <div className="chips">
              {keywords.slice(0, 8).map((each) => (
                <Chip key={each} tone="tide" icon="check">
                  <span className="ell">{each}</span>
                </Chip>
              ))}
              {SUGGESTED.filter((each) => !keywords.includes(each)).map((each) => (
                <Chip key={each} icon="plus" onClick={() => track.mutate(each)}>
                  {each}
                </Chip>
              ))}
            </div>
          </Step>
          <Step number={2} title={t("first.s2")} done={keywords.length > 0}>
            <p className="t2 first-b">{t("first.s2.body")}</p>
            <Segmented label={t("first.s2")} value={way} options={ways} onChange={setWay} />
            <CodeBlock text={text} label={t("first.s2")} />
          </Step>
          <Step number={3} title={t("first.s3")} done={false}>
            <p className="first-w t2" role="status">
              <LiveDot kind="wait" />
              {t("first.wait")}
            </p>
          </Step>
          <p className="first-demo">
            {t("first.demo")}: <code>tidings demo</code>
          </p>
        </div>
        <div className="c5">
          <section className="card" aria-hidden="true">
            <header className="card-h">
              <Dot keyword={keyword} />
              <h2>{keyword}</h2>
              <span className="grow" />
              <Badge>{t("first.preview")}</Badge>
            </header>
            <div className="card-b">
              <svg className="first-ghost" viewBox="0 0 400 110" preserveAspectRatio="none">
                {[8, 40, 72, 104].map((y) => (
                  <line
                    key={y}
                    x1="0"
                    x2="400"
                    y1={y}
                    y2={y}
                    stroke={y === 104 ? "var(--border-strong)" : "var(--grid)"}
                    vectorEffect="non-scaling-stroke"
                  />
                ))}
                <path
                  d={GHOST}
                  fill="none"
                  stroke="var(--baseline)"
                  strokeWidth="1.5"
                  strokeDasharray="2.5 3"
                  vectorEffect="non-scaling-stroke"
                />
              </svg>
            </div>
            {[86, 64, 74].map((width) => (
              <div className="tweet sm" key={width}>
                <span className="first-line" style={{ width: 84 }} />
                <span className="first-line" style={{ width: `${width}%` }} />
              </div>
            ))}
            <p className="t3 first-fills">{t("first.fills")}</p>
          </section>
        </div>
      </div>
    </div>
  );
}
