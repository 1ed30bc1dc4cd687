import type { Meta, StoryObj } from "@storybook/react-vite";
import { Segmented } from "./Segmented";

const meta = { title: "Controls/Segmented", component: Segmented } satisfies Meta<typeof Segmented>;
export default meta;
type Story = StoryObj<typeof meta>;

const options = [
  { value: "1h", label: "1시간" },
  { value: "24h", label: "24시간" },
  { value: "7d", label: "7일" },
];
export const Window: Story = { args: { label: "기간", value: "24h", options, onChange: () => undefined } };
export const Small: Story = {
  args: { label: "간격", value: "1h", options, small: true, onChange: () => undefined },
};
