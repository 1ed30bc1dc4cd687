import { type ComponentProps, type ReactNode, useId } from "react";
import { Icon } from "../Icon/Icon";
import type { IconName } from "../Icon/shapes";
import "./Field.css";

/** A labelled text field. The hint and the error are tied to it, so that they are read out with it. */
export function Field({
  label,
  hint,
  error,
  icon,
  hideLabel = false,
  ...input
}: {
  label: string;
  hint?: ReactNode;
  error?: ReactNode;
  icon?: IconName;
  hideLabel?: boolean;
} & ComponentProps<"input">) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id} className={hideLabel ? "sr" : undefined}>
        {label}
      </label>
      <div className={error ? "input bad" : "input"}>
        {icon ? <Icon name={icon} /> : null}
        <input
          id={id}
          aria-invalid={error ? true : undefined}
          aria-describedby={`${id}-n`}
          autoComplete="off"
          {...input}
        />
      </div>
      <div id={`${id}-n`}>
        {error ? (
          <span className="errt" role="alert">
            <Icon name="warning" size="s" />
            {error}
          </span>
        ) : hint ? (
          <span className="hint">{hint}</span>
        ) : null}
      </div>
    </div>
  );
}
