import type { ReactNode } from "react";
import { Icon } from "../Icon/Icon";
import type { IconName } from "../Icon/shapes";
import "./Badge.css";

export type BadgeTone = "plain" | "tide" | "rise" | "warn" | "danger";

export function Badge({
  tone = "plain",
  icon,
  children,
}: {
  tone?: BadgeTone;
  icon?: IconName;
  children: ReactNode;
}) {
  return (
    <span className={tone === "plain" ? "badge" : `badge ${tone}`}>
      {icon ? <Icon name={icon} size="s" /> : null}
      {children}
    </span>
  );
}
