import type { ReactElement } from "react";
import { Virtuoso } from "react-virtuoso";

/** A list that is drawn only where it is seen. In a file of its own, because few servers have so many keywords. */
export default function LongList<T>({
  items,
  render,
}: {
  items: readonly T[];
  render: (item: T) => ReactElement;
}) {
  return <Virtuoso data={items} itemContent={(_, item) => render(item)} style={{ height: "100%" }} />;
}
