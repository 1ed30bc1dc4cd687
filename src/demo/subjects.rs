//! The keywords of the world: how much is written about each, in which language, by which phrases.

/// A keyword and what is known of it.
#[derive(Debug)]
pub(super) struct Subject {
    /// The keyword as people write it.
    pub(super) keyword: &'static str,
    /// How much is written about it, in proportion to the others.
    pub(super) weight: u64,
    /// Of 100 posts, those in Korean.
    pub(super) korean: u64,
    /// Keywords of one circle are often named together.
    pub(super) circle: Circle,
    /// The file of its phrases and voices.
    pub(super) phrases: &'static str,
}

/// What people think of together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Circle {
    Gadgets,
    Shows,
    Leisure,
}

/// The number of keywords.
pub(super) const COUNT: usize = 12;

macro_rules! subjects {
    ($($keyword:literal, $weight:literal, $korean:literal, $circle:ident, $file:literal;)*) => {
        /// The keywords of the world. All are invented: products, people, teams and places that
        /// don't exist.
        pub const KEYWORDS: [&str; COUNT] = [$($keyword),*];

        /// The keywords with what is known of them, in the order of [`KEYWORDS`].
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
