import en from "./first.en.json";
import ko from "./first.ko.json";
import { addTexts } from "./translate";

/** The texts of the first run, which come with it. */
addTexts("ko", ko);
addTexts("en", en);
