import { renderStories } from "@/test/renderStories";
import * as stories from "./Sparkline.stories";

renderStories(stories);
