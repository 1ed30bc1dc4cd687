import { renderStories } from "@/test/renderStories";
import * as stories from "./KeywordTable.stories";

renderStories(stories);
