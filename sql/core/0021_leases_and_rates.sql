CREATE TABLE IF NOT EXISTS lease (
	name     VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
	owner    VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'NULL: given up',
	fence    BIGINT UNSIGNED NOT NULL COMMENT 'begins with the time, grows with every change of holder',
	until_at DATETIME(3) NOT NULL,
	KEY until_at (until_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS rate_bucket (
	name    VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
	next_at DATETIME(6) NOT NULL COMMENT 'when the next slice may be taken',
	KEY next_at (next_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
