import type { Meta, StoryObj } from "@storybook/react-vite";
import { RelativeTime } from "./RelativeTime";

const meta = { title: "Basics/RelativeTime", component: RelativeTime } satisfies Meta<typeof RelativeTime>;
export default meta;
type Story = StoryObj<typeof meta>;

export const LongAgo: Story = { args: { at: "2015-06-01T10:30:00.000Z" } };
