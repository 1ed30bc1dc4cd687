import type { ReactNode } from "react";
import { useT } from "@/i18n/I18n";
import { Button } from "../Button/Button";
import { Icon } from "../Icon/Icon";
import type { IconName } from "../Icon/shapes";
import "./Empty.css";

export function Empty({
  icon = "inbox",
  title,
  children,
}: {
  icon?: IconName;
  title: ReactNode;
  children?: ReactNode;
}) {
  return (
    <div className="empty">
      <Icon name={icon} size="l" />
      <b>{title}</b>
      {children}
    </div>
  );
}

/** A panel that could not be loaded: what happened, what the server said, and a way on. */
export function Failed({
  detail,
  onRetry,
}: {
  detail?: string | undefined;
  onRetry?: (() => void) | undefined;
}) {
  const t = useT();
  return (
    <div className="empty" role="alert">
      <Icon name="warning" size="l" />
      <b>{t("err.load")}</b>
      <span>{t("err.load.body")}</span>
      {detail ? <small className="t3">{detail}</small> : null}
      {onRetry ? (
        <Button size="s" onClick={onRetry}>
          {t("err.retry")}
        </Button>
      ) : null}
    </div>
  );
}
