"""Global search: one document per record, found by name, pinyin, words, phones, e-mails and numbers, under rights."""
