import { renderStories } from "@/test/renderStories";
import * as stories from "./KeywordStatus.stories";

renderStories(stories);
