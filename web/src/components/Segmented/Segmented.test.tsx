import { renderStories } from "@/test/renderStories";
import * as stories from "./Segmented.stories";

renderStories(stories);
