import type { KeyboardEvent, ReactElement } from "react";
import { Icon } from "../Icon/Icon";
import type { IconName } from "../Icon/shapes";
import { Floating, type TriggerProps } from "../Popover/Floating";
import "./Menu.css";

export interface MenuEntry {
  icon?: IconName;
  text: string;
  danger?: boolean;
  checked?: boolean;
  onSelect: () => void;
}

function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>('[role="menuitem"]')];
  const now = items.indexOf(document.activeElement as HTMLElement);
  const next = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: items.length - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  items[(next + items.length) % items.length]?.focus();
}

/** A short list of actions at a button. Arrow keys move, Enter chooses, Escape closes. */
export function Menu({
  trigger,
  entries,
  label,
}: {
  trigger: ReactElement<TriggerProps>;
  entries: readonly MenuEntry[];
  label: string;
}) {
  return (
    <Floating trigger={trigger} label={label} role="menu" className="menu" onKeyDown={moveFocus}>
      {(close) =>
        entries.map(({ icon, text, danger, checked, onSelect }) => (
          <button
            key={text}
            type="button"
            role="menuitem"
            tabIndex={-1}
            className={danger ? "menu-i danger" : "menu-i"}
            aria-current={checked || undefined}
            onClick={() => {
              close();
              onSelect();
            }}
          >
            {icon ? <Icon name={icon} /> : null}
            {text}
            {checked ? (
              <span className="k">
                <Icon name="check" size="s" />
              </span>
            ) : null}
          </button>
        ))
      }
    </Floating>
  );
}
