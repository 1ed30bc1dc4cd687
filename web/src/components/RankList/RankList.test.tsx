import { renderStories } from "@/test/renderStories";
import * as stories from "./RankList.stories";

renderStories(stories);
