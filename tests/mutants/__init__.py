"""Small mistakes put into the account fold, one at a time: the tests must notice."""
