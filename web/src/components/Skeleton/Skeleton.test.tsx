import { renderStories } from "@/test/renderStories";
import * as stories from "./Skeleton.stories";

renderStories(stories);
