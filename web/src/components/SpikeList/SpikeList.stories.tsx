import type { Meta, StoryObj } from "@storybook/react-vite";
import { overview, until } from "@/test/samples";
import { SpikeList } from "./SpikeList";

const meta = { title: "Overview/SpikeList", component: SpikeList } satisfies Meta<typeof SpikeList>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = { args: { spikes: overview.spikes ?? [], until } };
export const None: Story = { args: { spikes: [], until } };
