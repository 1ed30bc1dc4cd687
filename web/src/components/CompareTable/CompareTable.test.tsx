import { renderStories } from "@/test/renderStories";
import * as stories from "./CompareTable.stories";

renderStories(stories);
