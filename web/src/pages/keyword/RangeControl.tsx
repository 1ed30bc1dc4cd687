import { useId, useState } from "react";
import { IconButton } from "@/components/Button/Button";
import { Field } from "@/components/Field/Field";
import { Popover } from "@/components/Popover/Popover";
import { fieldTime, zoneOffset } from "@/format/time";
import { useT } from "@/i18n/I18n";
import type { Stretch } from "./range";

/** Any stretch of time for chart and feed. Rankings and the map have fixed windows, and the panel says so. */
export function RangeControl({
  stretch,
  shown,
  onStretch,
}: {
  stretch: Stretch | undefined;
  /** What the chart shows now; the fields start with it. */
  shown: Stretch;
  onStretch: (stretch: Stretch) => void;
}) {
  const t = useT();
  const id = useId();
  const [bad, setBad] = useState(false);
  const start = stretch ?? shown;
  return (
    <Popover
      label={t("range.title")}
      width={320}
      trigger={<IconButton icon="calendar" label={t("range.title")} className={stretch ? "on" : ""} />}
    >
      <form
        className="pop-b"
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          const read = (name: string) => new Date(String(form.get(name) ?? "")).getTime();
          const next = { from: read("from"), to: read("to") };
          // Not a number compares false, so an empty field is refused too.
          setBad(!(next.to > next.from));
          if (next.to > next.from) onStretch(next);
        }}
      >
        <Field
          label={t("range.from")}
          name="from"
          type="datetime-local"
          required
          defaultValue={fieldTime(start.from)}
        />
        <Field
          label={t("range.to")}
          name="to"
          type="datetime-local"
          required
          defaultValue={fieldTime(start.to)}
          error={bad ? t("range.bad") : undefined}
        />
        <p className="t3 k-small" id={id}>
          {t("range.local", { zone: zoneOffset() })}. {t("range.fixed")}
        </p>
        <div className="row">
          <button type="submit" className="btn sm pri" aria-describedby={id}>
            {t("range.apply")}
          </button>
        </div>
      </form>
    </Popover>
  );
}
