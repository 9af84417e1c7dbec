CREATE TABLE IF NOT EXISTS process (
	node       VARCHAR(64) NOT NULL,
	pid        INT NOT NULL,
	role       VARCHAR(16) CHARACTER SET ascii NOT NULL,
	started_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	beat_at    DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'the last sign of life',
	PRIMARY KEY (node, pid),
	KEY role (role, beat_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
