import type { Meta, StoryObj } from "@storybook/react-vite";
import { epoch, until } from "@/test/samples";
import { AsOf } from "./AsOf";

const meta = { title: "Shell/AsOf", component: AsOf } satisfies Meta<typeof AsOf>;
export default meta;
type Story = StoryObj<typeof meta>;

const base = {
  at: Date.parse(until),
  epoch,
  panels: [{ name: "실시간 트윗", seq: 41_208 }],
  onShare: () => undefined,
};
export const Live: Story = { args: { ...base, state: "live" } };
export const Connecting: Story = { args: { ...base, state: "connecting", at: undefined } };
export const Reconnecting: Story = { args: { ...base, state: "reconnecting" } };
export const Stale: Story = { args: { ...base, state: "stale" } };
export const Offline: Story = { args: { ...base, state: "offline" } };
export const Past: Story = { args: { ...base, state: "past" } };
