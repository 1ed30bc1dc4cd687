import type { Meta, StoryObj } from "@storybook/react-vite";
import { LONG_KEYWORD, topItems } from "@/test/samples";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { RankList } from "./RankList";

const meta = { title: "Keyword/RankList", component: RankList } satisfies Meta<typeof RankList>;
export default meta;
type Story = StoryObj<typeof meta>;

const base = { items: topItems(14), colour: "var(--k1)", label: "자주 나온 말", onChoose: () => undefined };
export const Typical: Story = { args: base };
export const Authors: Story = { args: { ...base, bars: false } };
export const Empty: Story = { args: { ...base, items: [] } };
export const LongContent: Story = {
  args: {
    ...base,
    items: topItems(3).map((item) => ({ ...item, key: item.key + LONG_KEYWORD, count: 128_400 })),
  },
};
export const Stale: Story = { args: base, decorators: [withStale] };
export const Loading: Story = { args: base, render: showsLoading(420) };
export const ErrorState: Story = { args: base, render: showsFailure };

export const Burst: Story = {
  args: { ...base, items: base.items.map((item) => ({ ...item, count: item.count * 90_000, change: 99 })) },
};
