import type { Meta, StoryObj } from "@storybook/react-vite";
import { exact } from "@/format/numbers";
import { keywords, LONG_KEYWORD } from "@/test/samples";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { type Column, KeywordCell, ShareCell, Table } from "./Table";

interface Row {
  keyword: string;
  count: number;
  share: number;
}

const columns: readonly Column<Row>[] = [
  {
    id: "keyword",
    head: "키워드",
    sorted: "ascending",
    onSort: () => undefined,
    cell: ({ keyword }) => <KeywordCell keyword={keyword} />,
  },
  {
    id: "count",
    head: "트윗",
    number: true,
    watched: ({ count }) => count,
    cell: ({ count }) => exact(count),
  },
  {
    id: "share",
    head: "비중",
    cell: ({ share }) => <ShareCell share={share} largest={0.15} colour="var(--k1)" />,
  },
];
const meta = { title: "Basics/Table", component: Table<Row> } satisfies Meta<typeof Table<Row>>;
export default meta;
type Story = StoryObj<typeof meta>;

const base = {
  className: "",
  columns,
  rows: keywords.slice(0, 6) as readonly Row[],
  keyOf: (row: Row) => row.keyword,
};
export const Typical: Story = { args: base };
export const Empty: Story = { args: { ...base, rows: [] } };
export const LongContent: Story = {
  args: { ...base, rows: [{ keyword: LONG_KEYWORD, count: 12_840_000, share: 0.1 }] },
};
/** The rest of a long table is drawn when it is asked for. */
export const ManyRows: Story = {
  args: {
    ...base,
    rows: Array.from({ length: 300 }, (_, n) => ({ keyword: `키워드 ${n}`, count: 300 - n, share: 1 / 300 })),
  },
};
export const Burst: Story = {
  args: { ...base, rows: base.rows.map((row) => ({ ...row, count: row.count * 9_000 })) },
};
export const Stale: Story = { args: base, decorators: [withStale] };
export const Loading: Story = { args: base, render: showsLoading(240) };
export const ErrorState: Story = { args: base, render: showsFailure };
