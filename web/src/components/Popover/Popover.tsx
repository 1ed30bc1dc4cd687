import { Popover as Radix } from "radix-ui";
import type { ReactNode } from "react";
import "./Popover.css";

/** A panel at a control. Not modal: the page behind stays usable, and no style has to be injected. */
export function Popover({
  trigger,
  children,
  width,
  label,
}: {
  trigger: ReactNode;
  children: ReactNode;
  width?: number;
  label: string;
}) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          className="pop"
          aria-label={label}
          sideOffset={6}
          align="end"
          collisionPadding={10}
          style={{ width }}
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
