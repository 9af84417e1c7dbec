-- What messages can be found by: keyed hashes of their pairs of characters, ten letters each, so that no word of theirs stands here.
CREATE TABLE IF NOT EXISTS message_words (
	message BIGINT UNSIGNED NOT NULL PRIMARY KEY,
	words   MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	FULLTEXT KEY words (words)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
