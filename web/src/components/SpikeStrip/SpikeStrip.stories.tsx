import type { Meta, StoryObj } from "@storybook/react-vite";
import { LONG_KEYWORD, spike } from "@/test/samples";
import { showsLoading, withStale } from "@/test/states";
import { SpikeStrip } from "./SpikeStrip";

const meta = { title: "Keyword/SpikeStrip", component: SpikeStrip } satisfies Meta<typeof SpikeStrip>;
export default meta;
type Story = StoryObj<typeof meta>;

const base = { spike: spike(), ongoing: true, onWord: () => undefined, onTweets: () => undefined };
export const Ongoing: Story = { args: base };
export const Past: Story = { args: { ...base, ongoing: false } };
export const LongContent: Story = { args: { ...base, spike: spike({ words: [LONG_KEYWORD, "예약"] }) } };
export const Stale: Story = { args: base, decorators: [withStale] };
export const Loading: Story = { args: base, render: showsLoading(100) };

export const Burst: Story = { args: { ...base, spike: spike({ count: 128_400 }) } };
