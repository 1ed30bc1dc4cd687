window.YTD.tweets.part0 = [
  {
    "tweet" : {
      "id_str" : "1050118621198921728",
      "full_text" : "내 첫 글 &amp; [괄호] \"따옴표\" https://t.co/a",
      "created_at" : "Wed Oct 10 20:19:24 +0000 2018",
      "favorite_count" : "3",
      "retweet_count" : "0",
      "lang" : "ko",
      "in_reply_to_status_id_str" : "1050118621198921000",
      "entities" : { "hashtags" : [ ] }
    }
  },
  {"id_str" : "1050118621198921729", "full_text" : "old form", "created_at" : "2013-11-12 20:19:24 +0000"},
  {
    "tweet" : {"id_str" : "1050118621198921730", "full_text" : "RT @other: 남의 글", "created_at" : "Wed Oct 10 20:20:00 +0000 2018", "favorite_count" : "many"}
  },
  {
    "tweet" : {"id_str" : "1050118621198921731", "full_text" : "RT @other: 남의 글", "created_at" : "Wed Oct 10 20:20:00 +0000 2018"}
  },
  {"tweet" : {"full_text" : "no id", "created_at" : "Wed Oct 10 20:20:00 +0000 2018"}}
]
