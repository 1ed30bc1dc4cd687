import type { Meta, StoryObj } from "@storybook/react-vite";
import { keywordNames, LONG_KEYWORD } from "@/test/samples";
import { FindPalette } from "./FindPalette";

const meta = { title: "Shell/FindPalette", component: FindPalette } satisfies Meta<typeof FindPalette>;
export default meta;
type Story = StoryObj<typeof meta>;

const nothing = () => undefined;
const base = {
  mode: "find" as const,
  keywords: keywordNames,
  onOpen: nothing,
  onAdd: nothing,
  onClose: nothing,
};
export const Find: Story = { args: base };
export const Add: Story = { args: { ...base, mode: "add" } };
export const ErrorState: Story = {
  args: { ...base, mode: "add", error: "글자나 숫자를 한 개 이상 써 주세요" },
};
export const Empty: Story = { args: { ...base, keywords: [] } };
export const Busy: Story = { args: { ...base, mode: "add", busy: true } };
export const LongContent: Story = { args: { ...base, keywords: [LONG_KEYWORD, ...keywordNames] } };
