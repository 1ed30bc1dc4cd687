import type { ComponentProps } from "react";
import { Icon } from "../Icon/Icon";
import type { IconName } from "../Icon/shapes";
import "./Button.css";

type Kind = "default" | "primary" | "ghost" | "danger";
type Size = "s" | "m" | "l";

const KINDS: Record<Kind, string> = { default: "", primary: "pri", ghost: "ghost", danger: "danger" };
const SIZES: Record<Size, string> = { s: "sm", m: "", l: "lg" };

interface Look {
  kind?: Kind;
  size?: Size;
  icon?: IconName;
}

function classes(kind: Kind, size: Size, extra: string | undefined, iconOnly: boolean) {
  return ["btn", KINDS[kind], SIZES[size], iconOnly ? "icon" : "", extra].filter(Boolean).join(" ");
}

export function Button({
  kind = "default",
  size = "m",
  icon,
  className,
  children,
  ...rest
}: Look & ComponentProps<"button">) {
  return (
    <button type="button" className={classes(kind, size, className, false)} {...rest}>
      {icon ? <Icon name={icon} size="s" /> : null}
      {children}
    </button>
  );
}

/** A button that shows an icon alone; `label` is its name. */
export function IconButton({
  kind = "ghost",
  size = "s",
  icon,
  label,
  className,
  ...rest
}: Look & { icon: IconName; label: string } & Omit<ComponentProps<"button">, "children">) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={classes(kind, size, className, true)}
      {...rest}
    >
      <Icon name={icon} />
    </button>
  );
}
