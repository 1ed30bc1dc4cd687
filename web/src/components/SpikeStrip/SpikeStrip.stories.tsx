import type { Meta, StoryObj } from "@storybook/react-vite";
import { LONG_KEYWORD, spike } from "@/test/samples";
import { SpikeStrip } from "./SpikeStrip";

const meta = { title: "Keyword/SpikeStrip", component: SpikeStrip } satisfies Meta<typeof SpikeStrip>;
export default meta;
type Story = StoryObj<typeof meta>;

const base = { spike: spike(), ongoing: true, onWord: () => undefined, onTweets: () => undefined };
export const Ongoing: Story = { args: base };
export const Past: Story = { args: { ...base, ongoing: false } };
export const LongContent: Story = { args: { ...base, spike: spike({ words: [LONG_KEYWORD, "예약"] }) } };
