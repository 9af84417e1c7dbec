-- Files that came or go. A file is kept once for each content; its row is locked while the file is put in its place or taken away.
CREATE TABLE IF NOT EXISTS media_file (
	hash  BINARY(32) NOT NULL PRIMARY KEY COMMENT 'keyed hash of the content: the name of the file',
	bytes BIGINT UNSIGNED NOT NULL,
	at    DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	KEY at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS media (
	id       BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	file     BINARY(32) NOT NULL,
	customer BIGINT UNSIGNED NULL COMMENT 'whose it is; NULL: ours',
	name     BLOB NOT NULL COMMENT 'as the sender called it, sealed',
	type     VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'by its first bytes',
	bytes    BIGINT UNSIGNED NOT NULL,
	at       DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	KEY file (file),
	KEY customer (customer),
	KEY at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
