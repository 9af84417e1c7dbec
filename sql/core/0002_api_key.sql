CREATE TABLE IF NOT EXISTS api_key (
	id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	name       VARCHAR(64) NOT NULL,
	role       TINYINT NOT NULL COMMENT '2 viewer, 3 operator, 4 approver, 5 admin',
	key_hash   BINARY(32) NOT NULL COMMENT 'keyed hash; the key itself is shown once',
	created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	UNIQUE KEY name (name),
	UNIQUE KEY key_hash (key_hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
