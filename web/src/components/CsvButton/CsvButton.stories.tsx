import type { Meta, StoryObj } from "@storybook/react-vite";
import { CsvButton } from "./CsvButton";

const meta = { title: "Controls/CsvButton", component: CsvButton } satisfies Meta<typeof CsvButton>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = {
  args: {
    panel: "volume",
    keyword: "모루폰",
    table: () => [["시각", "트윗"], [["2026-11-25T22:00:00+09:00", 12]]],
  },
};
