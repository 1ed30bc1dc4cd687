import { ToggleGroup } from "radix-ui";
import type { ReactNode } from "react";
import "./Segmented.css";

interface Option<T extends string> {
  value: T;
  label: ReactNode;
}

/** One of a few options. A group of toggles: arrow keys move, Space or Enter chooses. */
export function Segmented<T extends string>({
  label,
  value,
  options,
  small = false,
  onChange,
}: {
  label: string;
  value: T;
  options: readonly Option<T>[];
  small?: boolean;
  onChange: (value: T) => void;
}) {
  return (
    <ToggleGroup.Root
      type="single"
      className={small ? "seg sm" : "seg"}
      aria-label={label}
      value={value}
      onValueChange={(next) => next && onChange(next as T)}
    >
      {options.map((option) => (
        <ToggleGroup.Item key={option.value} value={option.value}>
          {option.label}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}
