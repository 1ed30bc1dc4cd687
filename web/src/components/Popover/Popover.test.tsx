import { renderStories } from "@/test/renderStories";
import * as stories from "./Popover.stories";

renderStories(stories);
