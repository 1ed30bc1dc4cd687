//! The keywords of the world, each with its number of posts, its languages and its phrases.

/// A keyword and its properties.
#[derive(Debug)]
pub(super) struct Subject {
    /// The keyword as people write it.
    pub(super) keyword: &'static str,
    /// The number of posts about the keyword, in proportion to other keywords.
    pub(super) weight: u64,
    /// Percentage of posts in Korean.
    pub(super) korean: u64,
    /// Keywords of one circle are often named together.
    pub(super) circle: Circle,
    /// The text of the file that has the keyword's phrases and voices.
    pub(super) phrases: &'static str,
}

/// Groups of keywords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Circle {
    Gadgets,
    Shows,
    Leisure,
}

/// Number of keywords.
pub(super) const COUNT: usize = 12;

macro_rules! subjects {
    ($($keyword:literal, $weight:literal, $korean:literal, $circle:ident, $file:literal;)*) => {
        /// The keywords of the world. All are invented: products, persons, teams and places that do
        /// not exist.
        pub const KEYWORDS: [&str; COUNT] = [$($keyword),*];

        /// The keywords with their properties, in the order of [`KEYWORDS`].
        pub(super) static SUBJECTS: [Subject; COUNT] = [$(Subject {
            keyword: $keyword,
            weight: $weight,
            korean: $korean,
            circle: Circle::$circle,
            phrases: include_str!(concat!("../../assets/demo/", $file)),
        }),*];
    };
}

subjects! {
    "모루폰", 150, 95, Gadgets, "phone.txt";
    "별가루단", 190, 74, Shows, "group.txt";
    "서리온", 90, 90, Shows, "actor.txt";
    "너구리즈", 120, 97, Leisure, "team.txt";
    "안개나루", 65, 95, Leisure, "place.txt";
    "우당탕면", 75, 96, Leisure, "food.txt";
    "뭉게톡", 85, 95, Gadgets, "app.txt";
    "여섯번째 우산", 90, 90, Shows, "drama.txt";
    "Brambleforge", 105, 25, Gadgets, "game.txt";
    "Pellivar", 85, 30, Gadgets, "car.txt";
    "Wrenna Quill", 75, 14, Shows, "singer.txt";
    "Honksworth", 60, 16, Leisure, "goose.txt";
}
