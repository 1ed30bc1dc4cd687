import type { Meta, StoryObj } from "@storybook/react-vite";
import { LONG_KEYWORD } from "@/test/samples";
import { showsLoading, withStale } from "@/test/states";
import { Headline } from "./Headline";

const meta = { title: "Overview/Headline", component: Headline } satisfies Meta<typeof Headline>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = {
  args: {
    window: "24h",
    sentences: [
      { key: "hl.up", percent: 51, total: 559 },
      { key: "hl.climb", a: "서리온", places: 2, rank: 3 },
      { key: "hl.spike2", a: "모루폰", b: "pellivar", x: "2.8" },
    ],
  },
};
export const Falling: Story = {
  args: {
    window: "7d",
    sentences: [
      { key: "hl.down", percent: 12, total: 4_120 },
      { key: "hl.mover", a: "뭉게톡", percent: 44 },
    ],
  },
};
export const Calm: Story = {
  args: { window: "1h", sentences: [{ key: "hl.flat", total: 41 }, { key: "hl.calm" }] },
};
export const First: Story = {
  args: {
    window: "30d",
    sentences: [
      { key: "hl.first", total: 3 },
      { key: "hl.new", a: "모루폰", rank: 1 },
      { key: "hl.spike1", a: "us airways", x: "12" },
    ],
  },
};
export const Empty: Story = { args: { window: "24h", sentences: [{ key: "hl.zero" }] } };
export const Stale: Story = { args: Typical.args, decorators: [withStale] };
export const Loading: Story = { args: Typical.args, render: showsLoading(66) };

export const Burst: Story = {
  args: {
    window: "1h",
    sentences: [
      { key: "hl.up", percent: 4_120, total: 1_284_000 },
      { key: "hl.spike1", a: "모루폰", x: "91" },
    ],
  },
};
export const LongContent: Story = {
  args: {
    window: "30d",
    sentences: [
      { key: "hl.up", percent: 51, total: 559 },
      { key: "hl.mover", a: LONG_KEYWORD, percent: 44 },
    ],
  },
};
