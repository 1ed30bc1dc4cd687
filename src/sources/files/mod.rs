//! Files of posts in every format that exporters write.
