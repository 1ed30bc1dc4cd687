import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";
import { Icon } from "../Icon/Icon";
import type { IconName } from "../Icon/shapes";
import "../Popover/Popover.css";
import "./Menu.css";

export interface MenuEntry {
  icon?: IconName;
  text: string;
  danger?: boolean;
  checked?: boolean;
  onSelect: () => void;
}

export function Menu({
  trigger,
  entries,
  label,
}: {
  trigger: ReactNode;
  entries: readonly MenuEntry[];
  label: string;
}) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          className="pop menu"
          aria-label={label}
          sideOffset={6}
          align="end"
          collisionPadding={10}
        >
          {entries.map(({ icon, text, danger, checked, onSelect }) => (
            <DropdownMenu.Item key={text} className={danger ? "menu-i danger" : "menu-i"} onSelect={onSelect}>
              {icon ? <Icon name={icon} /> : null}
              {text}
              {checked ? (
                <span className="k">
                  <Icon name="check" size="s" />
                </span>
              ) : null}
            </DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
