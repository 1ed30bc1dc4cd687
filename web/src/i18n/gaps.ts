import en from "./gaps.en.json";
import ko from "./gaps.ko.json";
import { addTexts } from "./translate";

/** The texts about gaps of sources. Most servers have no gap, so they come with what shows one. */
addTexts("ko", ko);
addTexts("en", en);
