window.YTD.account.part0 = [
  {
    "account" : {
      "email" : "me@example.com",
      "username" : "mine",
      "accountId" : "42",
      "accountDisplayName" : "나"
    }
  }
]
