import { renderStories } from "@/test/renderStories";
import * as stories from "./Chip.stories";

renderStories(stories);
