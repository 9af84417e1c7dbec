CREATE TABLE IF NOT EXISTS smartbot_bot (
	id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	name       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'the callback is /wecom/callback/NAME',
	aibotid    VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'empty: not checked',
	receiveid  VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	token      VARBINARY(255) NOT NULL COMMENT 'sealed',
	aes_key    VARBINARY(255) NOT NULL COMMENT 'sealed',
	model      VARCHAR(64) NOT NULL,
	prompt     TEXT NOT NULL,
	seed_hash  CHAR(64) CHARACTER SET ascii NOT NULL COMMENT 'of the section of the configuration that was written last',
	updated_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
	UNIQUE KEY name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS smartbot_stream (
	stream_id  CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
	bot_id     BIGINT UNSIGNED NOT NULL,
	content    MEDIUMBLOB NOT NULL COMMENT 'the snapshot, sealed',
	finished   BOOL NOT NULL DEFAULT FALSE,
	fence      BIGINT UNSIGNED NOT NULL COMMENT 'of the run that writes; older runs are refused',
	asked_at   DATETIME(3) NOT NULL,
	updated_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
	KEY asked_at (asked_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
