import type { ReactNode } from "react";
import { Icon } from "../Icon/Icon";
import type { IconName } from "../Icon/shapes";
import "./Banner.css";

export function Banner({
  tone,
  icon,
  children,
  action,
}: {
  tone: "warn" | "danger" | "tide" | "plain";
  icon?: IconName;
  children: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className={tone === "plain" ? "banner" : `banner ${tone}`}>
      {icon ? <Icon name={icon} /> : null}
      <span className="grow">{children}</span>
      {action}
    </div>
  );
}
