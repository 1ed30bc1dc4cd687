import { renderStories } from "@/test/renderStories";
import * as stories from "./ShardLag.stories";

renderStories(stories);
