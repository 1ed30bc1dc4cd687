import type { ReactNode } from "react";
import { Icon } from "../Icon/Icon";
import type { IconName } from "../Icon/shapes";
import "./Chip.css";

/** A chip that can be chosen, or removed, or neither. */
export function Chip({
  children,
  large = false,
  icon,
  tone,
  onClick,
  onRemove,
  removeLabel,
}: {
  children: ReactNode;
  large?: boolean;
  icon?: IconName;
  tone?: "tide" | "rise" | "dashed";
  onClick?: () => void;
  onRemove?: () => void;
  removeLabel?: string;
}) {
  const className = `chip${large ? " lg" : ""}${tone ? ` ${tone}` : ""}`;
  const content = (
    <>
      {icon ? <Icon name={icon} size="s" /> : null}
      {children}
    </>
  );
  if (onClick) {
    return (
      <button type="button" className={className} onClick={onClick}>
        {content}
      </button>
    );
  }
  return (
    <span className={className}>
      {content}
      {onRemove ? (
        <button type="button" className="x" aria-label={removeLabel} onClick={onRemove}>
          <Icon name="close" size="s" />
        </button>
      ) : null}
    </span>
  );
}
