import { renderStories } from "@/test/renderStories";
import * as stories from "./LatestTweets.stories";

renderStories(stories);
