import { type KeyboardEvent, useEffect, useId, useState } from "react";
import { useT } from "@/i18n/I18n";
import { Dialog } from "../Dialog/Dialog";
import { Dot } from "../Dot/Dot";
import { Icon } from "../Icon/Icon";
import "../Field/Field.css";
import "./FindPalette.css";

/** Maximum number of rows. A longer text gives fewer of them. */
const MAX_ROWS = 50;

/** Finds a keyword by a part of it, or adds the one that is not there. */
export function FindPalette({
  mode,
  keywords,
  error,
  busy = false,
  onOpen,
  onAdd,
  onClose,
}: {
  mode: "find" | "add" | undefined;
  keywords: readonly string[];
  error?: string | undefined;
  busy?: boolean;
  onOpen: (keyword: string) => void;
  onAdd: (keyword: string) => void;
  onClose: () => void;
}) {
  const t = useT();
  const label = t(mode === "add" ? "kw.add" : "nav.find");
  return (
    <Dialog kind="palette" label={label} open={mode !== undefined} onClose={onClose}>
      <Search
        label={label}
        keywords={keywords}
        error={error}
        busy={busy}
        adding={mode === "add"}
        onOpen={onOpen}
        onAdd={onAdd}
      />
    </Dialog>
  );
}

function Search({
  label,
  keywords,
  error,
  busy,
  adding,
  onOpen,
  onAdd,
}: {
  label: string;
  keywords: readonly string[];
  error: string | undefined;
  busy: boolean;
  adding: boolean;
  onOpen: (keyword: string) => void;
  onAdd: (keyword: string) => void;
}) {
  const t = useT();
  const id = useId();
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const query = text.normalize("NFKC").trim().toLowerCase();
  const found = keywords.filter((keyword) => keyword.includes(query)).slice(0, MAX_ROWS);
  const canAdd = query !== "" && !keywords.includes(query);
  const rows = [
    ...(adding && query === "" ? [] : found.map((keyword) => ({ keyword, add: false }))),
    ...(canAdd ? [{ keyword: query, add: true }] : []),
  ];
  const current = Math.min(active, rows.length - 1);
  useEffect(() => {
    document.getElementById(`${id}-${current}`)?.scrollIntoView?.({ block: "nearest" });
  }, [id, current]);
  const choose = (row: { keyword: string; add: boolean } | undefined) => {
    if (!row || busy) return;
    if (row.add) onAdd(text.trim());
    else onOpen(row.keyword);
  };
  const keys = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && rows.length > 0) {
      event.preventDefault();
      setActive((current + step + rows.length) % rows.length);
    }
    if (event.key === "Enter" && !event.nativeEvent.isComposing) {
      event.preventDefault();
      // In the add mode an exact or new text is meant, not the first that contains it.
      choose(adding && canAdd ? rows.at(-1) : rows[current]);
    }
  };
  return (
    <div className="palette-b">
      <div className="input">
        <Icon name={adding ? "plus" : "search"} />
        <input
          // biome-ignore lint/a11y/noAutofocus: the palette is opened to type in it.
          autoFocus
          role="combobox"
          aria-label={label}
          aria-expanded="true"
          aria-controls={id}
          aria-activedescendant={rows.length > 0 ? `${id}-${current}` : undefined}
          aria-describedby={`${id}-n`}
          placeholder={t(adding ? "kw.add.placeholder" : "nav.find")}
          maxLength={256}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setActive(0);
          }}
          onKeyDown={keys}
        />
      </div>
      <div id={`${id}-n`} className="palette-n" role="status">
        {error ? (
          <span className="errt">{error}</span>
        ) : rows.length === 0 && query ? (
          t("kw.add.exists")
        ) : (
          t("kw.add.hint")
        )}
      </div>
      <div role="listbox" id={id} aria-label={label} className="palette-l">
        {rows.map((row, index) => (
          <div
            key={row.keyword + row.add}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === current}
            className="menu-i"
            onPointerMove={() => setActive(index)}
            onClick={() => choose(row)}
            onKeyDown={keys}
          >
            {row.add ? <Icon name="plus" size="s" /> : <Dot keyword={row.keyword} />}
            <span className="ell">{row.add ? `${t("kw.add")}: ${text.trim()}` : row.keyword}</span>
          </div>
        ))}
      </div>
    </div>
  );
}
