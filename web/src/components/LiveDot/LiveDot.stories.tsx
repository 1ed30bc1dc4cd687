import type { Meta, StoryObj } from "@storybook/react-vite";
import { LiveDot } from "./LiveDot";

const meta = { title: "Basics/LiveDot", component: LiveDot } satisfies Meta<typeof LiveDot>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Live: Story = { args: { kind: "live" } };
export const Connecting: Story = { args: { kind: "wait" } };
export const Stale: Story = { args: { kind: "stale" } };
export const Offline: Story = { args: { kind: "off" } };
