import { Tabs as Radix } from "radix-ui";
import type { ReactNode } from "react";
import "./Tabs.css";

interface Tab<T extends string> {
  value: T;
  label: ReactNode;
  className?: string;
}

/** A bar of tabs. The panels belong to the caller, which knows what a tab shows. */
export function Tabs<T extends string>({
  label,
  value,
  tabs,
  className,
  children,
  onChange,
}: {
  label: string;
  value: T;
  tabs: readonly Tab<T>[];
  className?: string;
  children?: ReactNode;
  onChange: (value: T) => void;
}) {
  return (
    <Radix.Root value={value} onValueChange={(next) => onChange(next as T)}>
      <Radix.List className={className ? `tabs ${className}` : "tabs"} aria-label={label}>
        {tabs.map((tab) => (
          <Radix.Trigger key={tab.value} value={tab.value} className={tab.className}>
            {tab.label}
          </Radix.Trigger>
        ))}
      </Radix.List>
      <Radix.Content value={value} tabIndex={-1}>
        {children}
      </Radix.Content>
    </Radix.Root>
  );
}
