import type { ReactElement, ReactNode } from "react";
import { Floating, type TriggerProps } from "./Floating";

/** A panel with more about a control. The page behind stays usable. */
export function Popover({
  trigger,
  children,
  width,
  label,
}: {
  trigger: ReactElement<TriggerProps>;
  children: ReactNode;
  width?: number;
  label: string;
}) {
  return (
    <Floating trigger={trigger} label={label} role="dialog" width={width} className="">
      {() => children}
    </Floating>
  );
}
